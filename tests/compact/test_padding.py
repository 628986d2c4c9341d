"""Decodes that are filled up with rows that nobody reads."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from fusion_site.compact.padding import Padding
from fusion_site.compact.weights import LoadedModel
from tests.compact.running import OPTIONS, Running, running

# Milliseconds for 1 to 8 rows, measured on two cores with half a gigabyte of Q4_0: tiles of four.
TILES = (40, 54, 73, 45, 61, 80, 100, 84)
EVEN = (10, 20, 30, 40, 50, 60, 70, 80)


def learned(milliseconds: Sequence[float], patience_s: float = 60) -> Padding:
    return Padding.measured(lambda rows: milliseconds[rows - 1] / 1000, patience_s=patience_s)


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


def test_a_model_too_large_to_be_measured_is_computed_as_it_comes() -> None:
    assert learned(TILES, patience_s=0.5).spare(3) == 0


@pytest.mark.parametrize("begins", range(32))
def test_a_machine_that_does_something_else_for_a_while_is_not_taken_for_slow(begins: int) -> None:
    """For a whole round of eight, wherever that begins, all takes five times as long."""
    calls = itertools.count()

    def decode(rows: int) -> float:
        slow = 5 if begins <= next(calls) < begins + 8 else 1
        return slow * TILES[rows - 1] / 1000

    known = Padding.measured(decode, patience_s=60)
    assert [known.spare(rows) for rows in range(1, 9)] == [learned(TILES).spare(rows) for rows in range(1, 9)]


def test_a_saving_that_could_be_noise_is_not_taken() -> None:
    assert learned((10, 10, 10, 9.8, 10, 10, 10, 10)).spare(3) == 0


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
