"""What a GGUF file says of itself, read where a lie can hurt nobody."""

from __future__ import annotations

import contextlib
import struct
import sys
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_site.compact.files import examining
from fusion_site.compact.files.examining import examine
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.fitting import fit
from fusion_site.compact.files.header import BadFile, read_header
from fusion_site.compact.files.known import known_models
from fusion_site.compact.files.quantising import FILE_TYPES, TENSOR_TYPES
from fusion_site.compact.files.source import source_of
from fusion_site.compact.memory import bytes_per_token
from fusion_site.compact.options import HostOptions
from fusion_site.compact.weights import LoadedModel
from tests.compact.gguf_model import CHAT_TEMPLATE, CONTROL_TOKENS, WIDTH
from tests.compact.hosting import PATIENCE
from tests.compact.test_weights import broken_files


async def test_it_says_what_llama_cpp_says_once_it_is_loaded(tiny: Path, loaded: LoadedModel) -> None:
    facts = await examine(tiny)
    assert (facts.name, facts.architecture, facts.quantisation) == ("tiny", "llama", "F32")
    assert facts.file_size == tiny.stat().st_size
    assert (facts.parameters, facts.weights_size) == (loaded.facts.parameters, loaded.facts.size)
    assert (facts.trained_context, facts.vocabulary) == (
        loaded.facts.trained_context,
        loaded.facts.vocabulary,
    )
    assert facts.per_token == bytes_per_token(loaded.handle)
    assert facts.template == CHAT_TEMPLATE
    assert facts.layers + 1 == loaded.placement.layers
    ends = 2 * (256 + len(CONTROL_TOKENS)) * WIDTH + WIDTH
    assert facts.layers * facts.layer_size + 4 * ends == facts.weights_size
    assert facts.output_size == 4 * (256 + len(CONTROL_TOKENS)) * WIDTH


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-model", "is not a GGUF file: it does not begin"),
        ("empty", "is not a GGUF file"),
        ("cut-off", "is cut off: by its header it should have at least 1,25.* bytes, and it has 6"),
        ("cut-off-early", "ends in the middle of its header"),
        ("newer-version", "is of GGUF version 255"),
        ("huge-count", "its header is broken"),
        ("missing", "cannot be read: No such file or directory"),
    ],
)
def test_a_broken_file_is_told_before_it_is_loaded(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadFile, match=said):
        read_header(broken_files(tmp_path)[name])


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (b"\x00\x00\x00\x03", "was written for big-endian machines"),
        (b"\xb1\x9c\x40\x17", "what follows is none; it is damaged"),
    ],
)
def test_a_version_that_is_none_is_told_in_words(tiny: Path, version: bytes, said: str) -> None:
    whole, path = tiny.read_bytes(), tiny.with_name("other.gguf")
    path.write_bytes(whole[:4] + version + whole[8:])
    with pytest.raises(BadFile, match=said):
        read_header(path)


async def test_a_reader_that_crashes_or_never_ends_is_a_bad_file(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for program, within_s, said in (
        ("kill -SEGV $$", PATIENCE, r"crash \(SIGSEGV\)"),
        ("exit 1", PATIENCE, "header fail"),
        ("exec sleep 60", 0.5, "takes longer"),
    ):
        (python := tmp_path / "python").write_text(f"#!/bin/sh\n{program}\n")
        python.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(python))
        monkeypatch.setattr(examining, "WITHIN_S", within_s)
        with pytest.raises(BadFile, match=said):
            await examine(tiny)


@pytest.mark.parametrize(
    ("kind", "count", "said"),
    [
        (8, 2**62, "a list of 4611686018427387904 texts"),
        (9, 1, "a list of the unknown kind 9"),
        (4, 2**60, "reaches beyond the end"),
    ],
)
def test_a_list_without_end_is_refused_at_once(tmp_path: Path, kind: int, count: int, said: str) -> None:
    """The file has room for millions of empty texts: 512 MiB of zeros, of which the disk stores none."""
    path = tmp_path / "zeros.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"x" + struct.pack("<IIQ", 9, kind, count))
        file.truncate(2**29)
    with pytest.raises(BadFile, match=said):
        read_header(path)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 6000), at=st.integers(4, 6000), junk=st.binary(min_size=1, max_size=16))
def test_no_corruption_gets_through(tiny: Path, cut: int, at: int, junk: bytes) -> None:
    data = bytearray(tiny.read_bytes())
    data[at : at + len(junk)] = junk
    path = tiny.with_name("corrupt.gguf")
    path.write_bytes(data[: len(data) - cut])
    with contextlib.suppress(BadFile):
        assert read_header(path).file_size == len(data) - cut


def test_formats_are_those_of_the_gguf_package() -> None:
    for number, (name, block, width) in TENSOR_TYPES.items():
        kind = gguf.GGMLQuantizationType(number)
        assert (kind.name, *gguf.GGML_QUANT_SIZES[kind]) == (name, block, width)
    for number, name in FILE_TYPES.items():
        assert gguf.LlamaFileType(number).name in {f"MOSTLY_{name}", f"ALL_{name}"}


def test_what_does_not_fit_is_told() -> None:
    gib = 2**30
    facts = FileFacts(
        "m", "llama", 8 * gib, 7 * gib, 12 * 10**9, "Q4_K_M", 131072, 40, 1, 1, 2**18, 32000, ""
    )
    roomy = fit(facts, HostOptions(), 64 * gib)
    assert (roomy.window, roomy.cells, roomy.cache, roomy.warning) == (8192, 65536, 16 * gib, "")
    assert fit(facts, HostOptions(), 20 * gib).cells == 32768  # not a window for each of eight, but for four
    tight = fit(facts, HostOptions(), 8 * gib)
    assert tight.cells == 16384
    assert tight.warning.startswith(
        "It may not fit: the weights (7.5 GB) and 16,384 tokens of context (4.3 GB) need about 12.1 GB of memory, "
        "and 8.6 GB are free."
    )
    assert fit(replace(facts, per_token=0), HostOptions(), 8 * gib).warning == ""


def test_models_by_name() -> None:
    compact, *others = known_models()
    assert (compact.name, compact.source) == ("Llama 4 Compact 12B", "")
    assert len(compact.restrictions) >= 3
    assert compact.licence.link.startswith("https://")
    assert known_models("hf:a/b/c.gguf")[0].source == "hf:a/b/c.gguf"
    assert all(source_of(each.source) for each in others)
