"""Tokens of prompts that are read one by one beside written ones, where the kernels take 16 rows at once."""

from __future__ import annotations

import asyncio

import pytest

from fusion_site.compact.generation import Generation
from fusion_site.compact.options import HostOptions
from fusion_site.compact.padding import Padding
from fusion_site.compact.weights import LoadedModel
from tests.compact.running import Running, running
from tests.compact.test_padding import TILES, learned, learned_wide

APART = HostOptions(context=256, slots=16, cells=16 * 256)
WRITING = 9


@pytest.mark.parametrize(
    ("busy", "others", "read"),
    [
        (range(9), range(9, 16), range(9, 16)),
        (range(14), range(14, 16), range(14, 16)),
        (range(13), range(13, 14), range(13, 14)),  # three spare rows as it is
        (range(8), range(8, 16), ()),  # two whole tiles: more would cost what it costs by itself
        (range(4), range(4, 16), ()),
        (range(9), range(11, 13), ()),  # and two lie too far from the rest
        ((), range(16), ()),
        (range(16), (), ()),
    ],
)
def test_who_is_read_beside_whom(busy: range, others: range, read: range) -> None:
    assert learned_wide().beside(tuple(busy), tuple(others)) == tuple(read)


def test_never_a_tile_of_their_own() -> None:
    assert learned_wide().beside(tuple(range(9)), tuple(range(9, 60))) == tuple(range(9, 16))


def test_nobody_is_where_more_rows_cost_as_much_as_by_themselves() -> None:
    for padding in (learned(TILES), Padding(), learned_wide(46 * 4)):
        assert padding.beside(tuple(range(12)), tuple(range(12, 16))) == ()


async def _asked(run: Running, late: list[str]) -> tuple[list[Generation], list[Generation]]:
    """Give nine answers that are being written, and late ones, of whose prompts every step reads four tokens and one of each."""
    run.stepwise()
    early = [run.ask(f"{number}", limit=100) for number in range(WRITING)]
    await run.until_writing(*early)
    run.read_by(4)
    return early, [run.ask(question, limit=10) for question in late]


async def _texts(run: Running, asks: list[Generation]) -> list[str]:
    assert run.context.allowed is not None
    run.context.allowed.release(10_000)
    return list(await asyncio.gather(*(run.text(ask) for ask in asks)))


async def test_what_is_read_beside_written_tokens_leaves_all_texts_as_they_are(loaded: LoadedModel) -> None:
    late = [f"{letter}{letter * 40} why?" for letter in "abcdefg"]
    async with running(loaded, APART) as run:
        early, asks = await _asked(run, late)
        as_they_come = await _texts(run, early + asks)
    async with running(loaded, APART) as run:
        run.context.padding = learned_wide()
        early, asks = await _asked(run, late)
        before = len(run.context.sizes)
        while not asks[0].written:
            await run.step()
        # Once all have come, all of them are read in each step: no rows are added that nobody reads, nor are answers alone.
        made = run.context.sizes[before:]
        assert made.count(16) > 4
        assert WRITING not in made[made.index(16) :]
        assert await _texts(run, early + asks) == as_they_come
        assert run.context.own_failures == []


async def test_prompts_that_begin_alike_wait_for_the_first_of_them(loaded: LoadedModel) -> None:
    common = "The same long question to several members. "
    async with running(loaded, APART) as run:
        run.context.padding = learned_wide()
        others = [letter * 60 for letter in "uvwxy"]
        early, asks = await _asked(run, [*others, common + "A", common + "B"])
        await _texts(run, early + asks)
    assert asks[-1].cached >= len(common)
