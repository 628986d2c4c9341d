"""Decodes that are filled up with rows that nobody reads."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from fusion_site.compact.options import HostOptions
from fusion_site.compact.padding import Padding
from fusion_site.compact.weights import LoadedModel
from tests.compact.running import OPTIONS, Running, running

# Milliseconds for 1 to 8 rows, measured on two cores with half a gigabyte of Q4_0: tiles of four.
TILES = (40, 54, 73, 45, 61, 80, 100, 84)
EVEN = (10, 20, 30, 40, 50, 60, 70, 80)
# The same on a processor whose kernels take 16 rows at once as well, and what 16 took.
WIDE, SIXTEEN = (17, 29, 43, 46, 59, 70, 81, 80), 122


def learned(milliseconds: Sequence[float], patience_s: float = 60) -> Padding:
    return Padding.measured(
        lambda rows: milliseconds[rows - 1] / 1000, patience_s=patience_s, most=len(milliseconds)
    )


def learned_wide(sixteen: float = SIXTEEN) -> Padding:
    return Padding.measured(lambda rows: (sixteen if rows == 16 else WIDE[rows - 1]) / 1000, patience_s=60)


@pytest.mark.parametrize(
    ("rows", "spare"),
    [
        (0, 0),
        (1, 0),
        (2, 2),
        (3, 1),
        (4, 0),
        (5, 0),
        (6, 0),
        (7, 1),
        (8, 0),
        (9, 0),
        (11, 1),
        (16, 0),
        (515, 1),
    ],
)
def test_rows_are_filled_up_where_that_is_cheaper(rows: int, spare: int) -> None:
    assert learned(TILES).spare(rows) == spare
    assert learned(EVEN).spare(rows) == 0
    assert Padding().spare(rows) == 0


@pytest.mark.parametrize(
    ("rows", "spare"),
    [(4, 0), (9, 0), (12, 0), (13, 3), (15, 1), (16, 0), (17, 0), (61, 3), (63, 1), (75, 0)],
)
def test_rows_are_filled_up_to_sixteen_where_the_kernels_take_as_many(rows: int, spare: int) -> None:
    assert learned_wide().spare(rows) == spare


def test_sixteen_rows_that_cost_as_four_times_four_attract_none() -> None:
    assert [learned_wide(46 * 4).spare(rows) for rows in (12, 13, 14)] == [0, 0, 0]
    assert learned_wide(46 * 4).spare(75) == 0


def test_a_model_too_large_to_be_measured_is_computed_as_it_comes() -> None:
    assert learned(TILES, patience_s=0.5).spare(3) == 0


@pytest.mark.parametrize("begins", range(36))
def test_a_machine_that_does_something_else_for_a_while_is_not_taken_for_slow(begins: int) -> None:
    """For a whole round of nine, wherever that begins, all takes five times as long."""
    calls = itertools.count()

    def decode(rows: int) -> float:
        slow = 5 if begins <= next(calls) < begins + 9 else 1
        return slow * (SIXTEEN if rows == 16 else WIDE[rows - 1]) / 1000

    known = Padding.measured(decode, patience_s=60)
    counts = range(1, 17)
    assert [known.spare(rows) for rows in counts] == [learned_wide().spare(rows) for rows in counts]


def test_a_saving_that_could_be_noise_is_not_taken() -> None:
    assert learned((10, 10, 10, 9.8, 10, 10, 10, 10)).spare(3) == 0


APART = HostOptions(context=256, slots=2, cells=512)


@pytest.mark.parametrize("length", [29, 31, 254])
async def test_slices_of_a_prompt_are_filled_up_and_say_the_same(loaded: LoadedModel, length: int) -> None:
    """Also where the window has less room than would fill them up: from wherever the prompt before begins to differ."""
    question = "x" * (length - 4)  # four tokens of the template besides

    async def texts(run: Running) -> list[str]:
        asked = [question[:-last] + "y" * last for last in range(1, 17)]
        return [await run.text(run.ask(each, limit=2)) for each in asked]

    async with running(loaded, APART) as run:
        as_they_come = await texts(run)
        assert not run.context.filled_up
    async with running(loaded, APART) as run:
        run.context.padding = learned_wide()
        assert await texts(run) == as_they_come
        assert run.context.own_failures == []
        assert run.context.filled_up


async def test_filled_up_answers_say_the_same(loaded: LoadedModel) -> None:
    """And the rows that fill up leave nothing in memory: two full windows stay free however many there were."""

    async def texts(run: Running) -> list[str]:
        asks = [run.ask(f"Number {number}: " + "why? " * number, limit=60) for number in range(2)]
        return list(await asyncio.gather(*(run.text(ask) for ask in asks)))

    async with running(loaded) as run:
        plain = await texts(run)
        run.context.padding = learned(TILES)
        assert await texts(run) == plain
        full = [run.ask("x" * 100, limit=OPTIONS.context - 110) for _ in range(2)]
        assert [len(await run.text(ask)) for ask in full] == [OPTIONS.context - 110] * 2
    assert run.context.own_failures == []
