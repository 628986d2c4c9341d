"""How much of a prompt is read at once: whole tiles, and no longer than running answers may wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fusion_site.compact.pace import Pace
from fusion_site.compact.slices import ATTENTION_TILE, SLICE, part_of, whole_tiles
from fusion_site.compact.weights import LoadedModel
from tests.compact.running import running
from tests.compact.test_apart import APART


@pytest.mark.parametrize(
    ("writing", "budget", "read"),
    [
        (0, 512, 512),
        (0, 76, 64),
        (0, 60, 48),
        (16, 200, 176),
        (16, 60, 48),
        (63, 64, 1),
        (1, 32, 31),
        (4, 10, 8),
        (2, 1, 1),
        (3, 3, 1),
        (0, 3, 3),
    ],
)
def test_a_slice_ends_with_a_tile(writing: int, budget: int, read: int) -> None:
    assert whole_tiles(writing, budget, ATTENTION_TILE) == read


@pytest.mark.parametrize(
    ("unread", "budget", "part"),
    [
        (10, 40, 10),
        (48, 40, 48),
        (49, 40, 32),
        (83, 75, 83),
        (84, 75, 64),
        (900, 140, 128),
        (518, 512, 512),
        (9, 8, 9),
    ],
)
def test_a_prompt_is_read_as_a_whole_or_in_tiles(unread: int, budget: int, part: int) -> None:
    assert part_of(unread, budget, ATTENTION_TILE) == part


def test_slices_are_sized_by_time() -> None:
    pace = Pace(512, rate=100, tile=ATTENTION_TILE)
    assert (pace.budget(others_write=True), pace.budget(others_write=False)) == (50, 100)
    for _ in range(30):
        pace.measured(500, 500, 0.5)
    assert (pace.budget(others_write=True), pace.budget(others_write=False)) == (499, 512)
    pace.measured(48, 16, 10.0)  # what mostly wrote says nothing about reading
    assert pace.budget(others_write=True) == 499
    for _ in range(60):
        pace.measured(64, 64, 8.0)
    assert (pace.budget(others_write=True), pace.budget(others_write=False)) == (8, 8)


def test_the_next_tokens_of_running_answers_are_in_the_time_of_a_step() -> None:
    pace = Pace(512, rate=1000, tile=ATTENTION_TILE)
    pace.measured(16, 0, 0.2)
    assert pace.budget(others_write=True) == 300
    pace.measured(16, 0, 3.0)  # a large model: prompts are read all the same, in half the time
    assert pace.budget(others_write=True) == 250
    assert pace.budget(others_write=False) == 512


def test_rows_in_whole_tiles_are_reckoned_apart() -> None:
    """Where small slices turned dear, as in the middle of a long prompt, a tile is taken as long as about that much fits."""
    pace = Pace(512, rate=150, tile=ATTENTION_TILE)
    for _ in range(30):
        pace.measured(64, 64, 0.55)
    assert pace.budget(others_write=True) == 64
    for _ in range(30):
        pace.measured(64, 64, 0.6)
    assert pace.budget(others_write=True) == 53
    for _ in range(30):
        pace.measured(32, 32, 0.2)  # a new prompt, or a machine that is free again
    assert pace.budget(others_write=True) == 79


def test_slices_ahead_are_sized_by_time() -> None:
    assert Pace(512, rate=1000, tile=ATTENTION_TILE).ahead(others_write=True) == 32
    pace = Pace(512, rate=100, tile=ATTENTION_TILE)
    assert (pace.ahead(others_write=True), pace.ahead(others_write=False)) == (10, 50)
    for _ in range(30):
        pace.measured(40, 40, 4.0)
    assert pace.ahead(others_write=True) == 8


@pytest.mark.parametrize(("flash", "wanted"), [(1, [64, 56, 32, 88]), (0, [96, 24, 32, 88])])
async def test_what_a_step_has_left_is_read_of_the_next_prompt(
    loaded: LoadedModel, flash: int, wanted: list[int]
) -> None:
    """Beside a running answer, in tiles, of attention where it has any; the one that is through first does not wait for the next."""
    async with running(loaded, replace(APART, flash_attention=flash)) as run:
        steps, writer = run.stepwise(), run.ask("Run", limit=300)
        await run.until_writing(writer)
        run.read_by(96, 40)
        before = len(run.context.sizes)
        asks = [run.ask(letter * 118, limit=1) for letter in "AB"]  # 122 tokens, two of them shared
        steps.release(1000)
        for ask in asks:
            await run.text(ask)
        slices = [size for size in run.context.sizes[before:] if size > 4]
    assert slices == wanted


async def test_with_nobody_writing_the_first_prompt_begins_to_write_before_more_is_read(
    loaded: LoadedModel,
) -> None:
    async with running(loaded, APART) as run:
        run.read_by(SLICE)
        before = len(run.context.sizes)
        asks = [run.ask(letter * 118, limit=2) for letter in "AB"]
        for ask in asks:
            await run.text(ask)
        sizes = run.context.sizes[before:]
    assert sizes[:3] == [122, 1, 120]


def test_what_is_left_of_a_step_counts_by_time() -> None:
    pace = Pace(512, rate=100, tile=ATTENTION_TILE)
    pace.measured(4, 0, 0.1)
    assert (pace.rest(0.1), pace.rest(0.45)) == (30, -4)
