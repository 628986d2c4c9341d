"""One GGUF file in memory: its weights, vocabulary, chat template and what it says about itself."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_site.compact import native
from fusion_site.compact.devices import Device, gpus
from fusion_site.compact.files.fitting import fit
from fusion_site.compact.files.header import BadFile, read_header
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.options import HostOptions
from fusion_site.compact.placing import layers_that_fit
from fusion_site.compact.template import ChatTemplate
from fusion_site.compact.vocabulary import Vocabulary

log = logging.getLogger(__name__)
MAGIC = b"GGUF"
LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.INFO, 4: logging.WARNING}
ERROR = 4  # ggml_log_level counts debug 1, info 2, warning 3, error 4; 5 goes on with a line


# What its complaints come to, for people who do not know how such files are made.
_MEANINGS = {
    "unknown model architecture": "The llama.cpp of this site cannot run models of this kind; a newer one may",
    "key not found in model": "The file does not say all that has to be known of such a model: it is damaged or unfinished",
}


class UnusableModel(Exception):
    """The file cannot be hosted; the message says why in one sentence that a person understands."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model says about itself; `trained_context` in tokens, `size` in bytes.

    Its chat template is its own, was set by hand instead (`set_template`), or is neither: then it is plain ChatML.
    """

    id: str
    file_stem: str
    created: int
    description: str
    trained_context: int
    parameters: int
    size: int
    vocabulary: int
    own_template: bool
    set_template: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the layers of a model are: so many of all on GPUs, whose names stand in `gpus`."""

    layers: int
    on_gpu: int = 0
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory; `handle` is llama.cpp's, used only by the model thread."""

    handle: int
    facts: ModelFacts
    vocabulary: Vocabulary
    template: ChatTemplate
    shares_prefixes: bool
    placement: Placement

    def free(self) -> None:
        """Give the memory back; contexts over the model must be gone."""
        native.model_free(self.handle)


def load(path: Path, options: HostOptions, *, on_progress: Callable[[float], bool]) -> LoadedModel:
    """Read the file into memory; raises `UnusableModel`.

    `on_progress` hears the loaded share from 0 to 1, and ends the load by returning False.
    """
    _check_file(path)
    native.backend_init()
    parameters = native.model_defaults()
    found = gpus()
    parameters.n_gpu_layers = _gpu_layers(path, options, found)
    parameters.use_extra_bufts = bool(options.repack)
    progress = native.ProgressCallback(lambda share, _: on_progress(share))
    parameters.progress_callback = progress
    with complaints() as lines:
        handle: int | None = native.model_load(str(path).encode(), parameters)
    if not handle:
        raise UnusableModel(f"{path.name} cannot be loaded: {_reason(lines)}")
    try:
        return _loaded(handle, path, options.template, _placement(handle, parameters.n_gpu_layers, found))
    except (UnusableModel, ValueError) as error:
        native.model_free(handle)
        raise UnusableModel(f"{path.name} cannot be used: {error}") from error


@contextmanager
def complaints() -> Iterator[deque[str]]:
    """The error lines that llama.cpp logs meanwhile; everything goes to this module's logger as well."""
    errors: deque[str] = deque(maxlen=20)
    previous = logging.DEBUG

    def hear(level: int, text: bytes, _: Any) -> None:
        nonlocal previous
        previous = LEVELS.get(level, previous)  # a continued line has the level of its beginning
        line = text.decode("utf-8", "replace").strip()
        if level == ERROR and line:
            errors.append(line)
        if line.strip("."):
            log.log(previous, "%s", line)

    callback = native.LogCallback(hear)
    native.log_set(callback, None)
    try:
        yield errors
    finally:
        native.log_set(_errors_only, None)


def _warn(level: int, text: bytes, _: Any) -> None:
    if level == ERROR:
        log.warning("%s", text.decode("utf-8", "replace").strip())


_errors_only = native.LogCallback(_warn)  # kept here, since llama.cpp holds only its address


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise UnusableModel(f"{path} cannot be read: {error.strerror}") from error
    if magic != MAGIC:
        raise UnusableModel(f"{path.name} is not a GGUF file: it does not begin with the letters GGUF")


def _reason(lines: deque[str]) -> str:
    """The first thing llama.cpp complained about, without the name of the function that did."""
    first = lines[0] if lines else "llama.cpp gave no reason"
    reason = re.sub(r"^\w+: (error loading model: )?(\w+: )?", "", first)
    meant = next((meaning for said, meaning in _MEANINGS.items() if said in reason), "")
    return f"{reason}. {meant}" if meant else reason


def _template(handle: int, instead: str) -> str | None:
    """The text of the chat template set by hand, else of the one in the model's file; None if it has none."""
    if instead:
        try:
            return Path(instead).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableModel(f"the chat template {instead} cannot be read: {error}") from error
    source: bytes | None = native.model_template(handle, None)
    return source.decode("utf-8", "replace") if source else None


def _gpu_layers(path: Path, options: HostOptions, found: list[Device]) -> int:
    """Layers to put on GPUs: as the setting says, else as many as fit beside the context."""
    if not found or options.gpu_layers >= 0:
        return options.gpu_layers if found else 0
    try:
        facts = read_header(path)
    except BadFile as error:
        raise UnusableModel(str(error)) from error
    return layers_that_fit(facts, fit(facts, options, free_bytes()).cells, [device.free for device in found])


def _placement(handle: int, wanted: int, found: list[Device]) -> Placement:
    """What became of the wish; the matrices behind the last layer count as one."""
    layers = native.model_layers(handle) + 1
    on_gpu = min(wanted, layers)
    return Placement(layers, on_gpu, tuple(device.name for device in found) if on_gpu else ())


def _loaded(handle: int, path: Path, instead: str, placement: Placement) -> LoadedModel:
    if native.model_has_encoder(handle) or not native.model_has_decoder(handle):
        raise UnusableModel("it is not a model that continues text")
    vocabulary = Vocabulary(handle)
    template = ChatTemplate(_template(handle, instead), vocabulary)
    changing_state = native.model_recurrent(handle) or native.model_hybrid(handle)
    facts = _facts(handle, path, vocabulary, template, instead)
    return LoadedModel(handle, facts, vocabulary, template, not changing_state, placement)


def _facts(
    handle: int, path: Path, vocabulary: Vocabulary, template: ChatTemplate, instead: str
) -> ModelFacts:
    return ModelFacts(
        id=native.text_of(lambda *buffer: native.model_meta(handle, b"general.name", *buffer)) or path.stem,
        file_stem=path.stem,
        created=int(path.stat().st_mtime),
        description=native.text_of(lambda *buffer: native.model_description(handle, *buffer)),
        trained_context=native.model_trained_context(handle),
        parameters=native.model_parameters(handle),
        size=native.model_bytes(handle),
        vocabulary=vocabulary.size,
        own_template=template.from_file and not instead,
        set_template=bool(instead),
    )
