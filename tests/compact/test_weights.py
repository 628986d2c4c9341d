"""Files from disk: models as they describe themselves, and files that are none."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import llama_cpp
import pytest

from fusion_site.compact import attention, weights
from fusion_site.compact.attention import may_be_plain
from fusion_site.compact.context import Context
from fusion_site.compact.memory import bytes_per_token
from fusion_site.compact.options import HostOptions
from fusion_site.compact.padding import MOST_SPARE
from fusion_site.compact.weights import LoadedModel, Placement, UnusableModel, load
from tests.bench.midsize import write_midsize_gguf
from tests.compact.gguf_model import write_tiny_gguf


def broken_files(folder: Path) -> dict[str, Path]:
    """Files that are no usable model, each in its own way."""
    whole = write_tiny_gguf(folder / "whole.gguf").read_bytes()
    files = {
        "no-model": b"<html>404</html>",
        "empty": b"",
        "cut-off": whole[: len(whole) // 2],
        "cut-off-early": whole[:300],
        "wrong-architecture": whole.replace(b"llama", b"lemma"),
        "newer-version": whole[:4] + b"\xff\x00\x00\x00" + whole[8:],
        "huge-count": whole[:8] + b"\xff" * 8 + whole[16:],
        "lost-tensor": whole.replace(b"output_norm", b"outbut_norm"),
    }
    for name, data in files.items():
        (folder / f"{name}.gguf").write_bytes(data)
    return {name: folder / f"{name}.gguf" for name in [*files, "missing"]}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no-model", "no-model.gguf is not a GGUF file"),
        ("empty", "empty.gguf is not a GGUF file"),
        ("cut-off", "is not within the file bounds"),
        ("cut-off-early", "cut-off-early.gguf cannot be loaded: failed to read"),
        ("wrong-architecture", "unknown model architecture: 'lemma'"),
        ("newer-version", "only supports up to version"),
        ("huge-count", "number of tensors is -1"),
        ("lost-tensor", "'output_norm.weight' not found"),
        ("missing", "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    path = broken_files(tmp_path)[name]
    with pytest.raises(UnusableModel) as caught:
        load(path, HostOptions(), on_progress=lambda share: True)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(path.name if path.exists() else str(path))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (b"llama", "The llama.cpp of this site cannot run models of this kind; a newer one may"),
        (b"layer_norm_rms", "key not found in model"),
        (b"layer_norm_rms", "it is damaged or unfinished"),
    ],
)
def test_what_llama_cpp_says_is_told_in_words_as_well(tmp_path: Path, key: bytes, said: str) -> None:
    whole = write_tiny_gguf(tmp_path / "whole.gguf").read_bytes()
    (path := tmp_path / "other.gguf").write_bytes(whole.replace(key, key[:-1] + b"~"))
    with pytest.raises(UnusableModel, match=said):
        load(path, HostOptions(), on_progress=lambda share: True)


def test_a_load_can_be_ended(tiny: Path) -> None:
    heard: list[float] = []

    def stop(share: float) -> bool:
        heard.append(share)
        return False

    with pytest.raises(UnusableModel):
        load(tiny, HostOptions(), on_progress=stop)
    assert len(heard) == 1


def test_the_facts_of_a_model(loaded: LoadedModel) -> None:
    facts = loaded.facts
    assert (facts.id, facts.file_stem, facts.trained_context, facts.own_template) == (
        "tiny",
        "tiny",
        16384,
        True,
    )
    assert (facts.vocabulary, facts.size) == (261, facts.parameters * 4)
    assert (
        bytes_per_token(loaded.handle) == 2 * 2 * 2 * 64
    )  # key and value, 16 bits, two layers, two heads of 32


APART = HostOptions(context=256, slots=2, cells=512)


@pytest.mark.parametrize(
    ("options", "used"),
    [
        (APART, "disabled"),
        (replace(APART, cells=511), "auto"),  # one memory for all
        (replace(APART, flash_attention=1), "enabled"),
        (replace(APART, cells=511, flash_attention=0), "disabled"),
    ],
)
def test_attention_is_computed_as_the_options_say_or_as_is_better(
    loaded: LoadedModel, caplog: pytest.LogCaptureFixture, options: HostOptions, used: str
) -> None:
    """llama.cpp tells of it in its log."""
    caplog.set_level(logging.DEBUG, logger=weights.__name__)
    Context(loaded, options).free()
    told = [line for line in caplog.messages if "flash_attn" in line]
    assert told
    assert used in told[0]


@pytest.mark.parametrize(
    ("slice_s", "options", "reads_at_once"),
    [
        (0.138, APART, 64),  # 58 rows within half a second
        (0.14, APART, 16),
        (0.01, replace(APART, flash_attention=0), 16),  # as the operator says
    ],
)
def test_a_machine_that_reads_tiles_quickly_takes_flash_attention(
    loaded: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    slice_s: float,
    options: HostOptions,
    reads_at_once: int,
) -> None:
    """By a slice of 16 rows, which once was held up."""
    took = chain([9.0, slice_s], repeat(0.2))
    monkeypatch.setattr(Context, "_timed_slice", lambda context, rows: next(took))
    context = Context(loaded, options)
    context.warm_up()
    assert context.reads_at_once == reads_at_once
    rows = context.rows()
    rows.add(1, 0, [65, 66], logits=True)
    assert context.decode(rows) == 0
    context.free()


def test_plain_attention_takes_an_eighth_of_free_memory_at_most(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A float for each of four heads, 256 tokens and 522 rows, eight times, beside what the cache takes."""
    free = 8 * 4 * 4 * 256 * 522 + 131_072
    for there, plain in [(free, True), (free - 1, False)]:
        monkeypatch.setattr(attention, "free_bytes", lambda there=there: there)
        assert may_be_plain(loaded, apart=True, rows=522, window=256, cache=131_072) == plain


def test_on_gpus_llama_cpp_chooses_attention(loaded: LoadedModel) -> None:
    there = replace(loaded, placement=Placement(layers=3, on_gpu=1, gpus=("CUDA0",)))
    assert not may_be_plain(there, apart=True, rows=1, window=1, cache=0)
    assert may_be_plain(loaded, apart=True, rows=1, window=1, cache=0)


@pytest.mark.parametrize(("repack", "is_laid_out"), [(1, True), (0, False)])
def test_weights_are_laid_out_for_the_processor_unless_the_options_say_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, repack: int, is_laid_out: bool
) -> None:
    """llama.cpp tells in its log where it puts them; which layouts there are depends on the processor."""
    caplog.set_level(logging.DEBUG, logger=weights.__name__)
    path = write_midsize_gguf(tmp_path / "quantised.gguf", layers=1)
    load(path, HostOptions(repack=repack), on_progress=lambda share: True).free()
    layouts = [
        line for line in caplog.messages if re.search(r"(AMX|CPU_REPACK|CPU_KLEIDIAI) model buffer", line)
    ]
    assert bool(layouts) is is_laid_out


@pytest.mark.parametrize("slots", [1, 2, 8, 13])
def test_room_is_made_for_rows_that_keep_tensors_on_cache_lines(loaded: LoadedModel, slots: int) -> None:
    context = Context(loaded, HostOptions(context=1024, slots=slots))
    room = llama_cpp.llama_n_ubatch(context.handle)
    context.free()
    assert room % 16 == 0
    assert room >= context.most_rows + MOST_SPARE
