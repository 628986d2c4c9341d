"""The header of a GGUF file, read with suspicion: every count and offset in it may be a lie."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.offer import Licence
from fusion_site.compact.files.quantising import FILE_TYPES, TENSOR_TYPES

MAGIC = b"GGUF"
VERSIONS = {2, 3}
MOST_VERSION = 65_535  # what says more was never meant as a version
STRING, ARRAY = 8, 9
PLAIN = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
MOST_PAIRS, MOST_TENSORS, MOST_DIMENSIONS = 65_536, 1_000_000, 8
LONGEST_KEPT = 4096  # arrays: of the longer ones (a vocabulary) only the length is kept
MOST_TEXTS = 8_000_000  # the largest vocabularies have a quarter of a million, and a few times as many merges
LONGEST_TEXT = 4 * 1024 * 1024
HALF_FLOAT = 2


class BadFile(Exception):
    """The file cannot be hosted; the message says why in one sentence that a person understands."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as the header describes it; `size` in bytes, `offset` from where the data begins."""

    name: str
    elements: int
    size: int
    offset: int
    kind: str


def read_header(path: Path) -> FileFacts:
    """What the file says of itself; raises `BadFile`, also where the file is shorter than it says."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise BadFile(f"{path.name} is not a GGUF file: it does not begin with the letters GGUF")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _facts(path, data)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    except struct.error as error:
        raise BadFile(f"{path.name} cannot be read: it ends in the middle of its header") from error
    except (ValueError, OverflowError) as error:
        raise BadFile(
            f"{path.name} cannot be read: its header is broken ({error}). It may be damaged, or cut off"
        ) from error


class _Reader:
    """Takes one value after the other; what would lie behind the end raises `struct.error` or `ValueError`."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.at = len(MAGIC)

    def number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self._data, self.at)
        self.at += struct.calcsize(form)
        return value

    def skip(self, length: int) -> int:
        """Pass over so many bytes, and give where they begin."""
        start = self.at
        if length > len(self._data) - start:
            raise ValueError("a value that reaches beyond the end of the file")
        self.at += length
        return start

    def text(self) -> str:
        length = self.number("<Q")
        if length > LONGEST_TEXT:
            raise ValueError(f"a text of {length} bytes")
        start = self.skip(length)
        return bytes(self._data[start : start + length]).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            return self._array()
        if kind not in PLAIN:
            raise ValueError(f"a value of the unknown kind {kind}")
        return self.number(PLAIN[kind])

    def _array(self) -> Any:
        """A short array of numbers as a list; of all others, as large as they come, the length."""
        kind, count = self.number("<I"), self.number("<Q")
        if kind in PLAIN:
            width = struct.calcsize(PLAIN[kind])
            if count > LONGEST_KEPT:
                self.skip(width * count)
                return count
            return [self.number(PLAIN[kind]) for _ in range(count)]
        if kind != STRING:
            raise ValueError(f"a list of the unknown kind {kind}")
        if count > MOST_TEXTS:
            raise ValueError(f"a list of {count} texts")
        for _ in range(count):
            self.skip(self.number("<Q"))
        return count


def _fault_of_version(version: int) -> str:
    """Say what is wrong with a file of that version; what is left when its bytes are turned round has been another machine's."""
    if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
        return "was written for big-endian machines, which this one is not; get it as little-endian"
    if version > MOST_VERSION:
        return "cannot be read: it begins like a GGUF file, but what follows is none; it is damaged"
    return f"is of GGUF version {version}, and only versions 2 and 3 can be read"


def _facts(path: Path, data: mmap.mmap) -> FileFacts:
    reader = _Reader(data)
    version = reader.number("<I")
    if version not in VERSIONS:
        raise BadFile(f"{path.name} {_fault_of_version(version)}")
    tensor_count, pair_count = reader.number("<Q"), reader.number("<Q")
    if tensor_count > MOST_TENSORS or pair_count > MOST_PAIRS:
        raise ValueError(f"{tensor_count} tensors and {pair_count} values")
    pairs = dict(_pair(reader) for _ in range(pair_count))
    tensors = [_tensor(reader) for _ in range(tensor_count)]
    _check_length(path, data, tensors, reader.at, pairs)
    return _said(path, len(data), pairs, tensors)


def _pair(reader: _Reader) -> tuple[str, Any]:
    key, kind = reader.text(), reader.number("<I")
    return key, reader.value(kind)


def _tensor(reader: _Reader) -> Tensor:
    name = reader.text()
    dimensions = reader.number("<I")
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(f"a tensor of {dimensions} dimensions")
    elements = prod(reader.number("<Q") for _ in range(dimensions))
    kind, offset = reader.number("<I"), reader.number("<Q")
    type_name, block, width = TENSOR_TYPES.get(kind, (f"type {kind}", 1, 0))
    return Tensor(name, elements, elements // block * width, offset, type_name)


def _check_length(
    path: Path, data: mmap.mmap, tensors: list[Tensor], end: int, pairs: dict[str, Any]
) -> None:
    """A download that was cut, or a copy onto a full disk, is told before anybody waits for its load."""
    alignment = _whole(pairs.get("general.alignment")) or 32
    begin = -(-end // alignment) * alignment
    needed = begin + max((tensor.offset + tensor.size for tensor in tensors), default=0)
    if needed > len(data):
        raise BadFile(
            f"{path.name} is cut off: by its header it should have at least {needed:,} bytes, and it has {len(data):,}. "
            "Fetch it again"
        )


def _said(path: Path, size: int, pairs: dict[str, Any], tensors: list[Tensor]) -> FileFacts:
    architecture = _text(pairs.get("general.architecture"))
    return FileFacts(
        name=_text(pairs.get("general.name")) or path.stem,
        architecture=architecture or "unknown",
        file_size=size,
        weights_size=sum(tensor.size for tensor in tensors),
        parameters=sum(tensor.elements for tensor in tensors),
        quantisation=_quantisation(pairs, tensors),
        trained_context=_whole(pairs.get(f"{architecture}.context_length")),
        layers=_whole(pairs.get(f"{architecture}.block_count")),
        layer_size=_layer_size(tensors),
        output_size=_output_size(tensors),
        per_token=_per_token(pairs, architecture),
        vocabulary=_length(pairs.get("tokenizer.ggml.tokens")),
        template=_text(pairs.get("tokenizer.chat_template")),
        licence=_licence(pairs),
    )


def _quantisation(pairs: dict[str, Any], tensors: list[Tensor]) -> str:
    """The name that the file gives its mixture, else the type that most of its bytes are of."""
    named = FILE_TYPES.get(_whole(pairs.get("general.file_type"), unknown=-1))
    weight: Counter[str] = Counter()
    for tensor in tensors:
        weight[tensor.kind] += tensor.size
    return named or (weight.most_common(1)[0][0] if weight else "unknown")


def _per_token(pairs: dict[str, Any], architecture: str) -> int:
    """Bytes of one token in the cache: a key and a value of every key-value head in every layer, 16 bits each."""

    def told(key: str) -> Any:
        return pairs.get(f"{architecture}.{key}")

    layers, heads = _whole(told("block_count")), told("attention.head_count")
    most = max(_numbers(heads), default=0)
    plain = _whole(told("embedding_length")) // max(1, most)
    width = (_whole(told("attention.key_length")) or plain) + (
        _whole(told("attention.value_length")) or plain
    )
    kv = _numbers(told("attention.head_count_kv")) or _numbers(heads)
    total = sum(kv) if len(kv) > 1 else sum(kv) * layers
    return width * total * HALF_FLOAT


def _layer_size(tensors: list[Tensor]) -> int:
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        kind, _, rest = tensor.name.partition(".")
        if kind == "blk":
            sizes[rest.partition(".")[0]] += tensor.size
    return max(sizes.values(), default=0)


def _output_size(tensors: list[Tensor]) -> int:
    """Without a matrix of its own the output is that of the token embeddings once more."""
    sizes = {tensor.name: tensor.size for tensor in tensors}
    return sizes.get("output.weight") or sizes.get("token_embd.weight", 0)


def _licence(pairs: dict[str, Any]) -> Licence:
    named, link = _text(pairs.get("general.license")), _text(pairs.get("general.license.link"))
    known = link if link.startswith(("https://", "http://")) else ""
    return Licence(named[:200], _text(pairs.get("general.license.name"))[:200], known[:500])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any, unknown: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else unknown


def _numbers(value: Any) -> list[int]:
    """One number for all layers, or one for each."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int)]


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else _whole(value)
