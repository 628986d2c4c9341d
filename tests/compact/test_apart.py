"""Sequences with memory of their own: what a window for each slot changes, and what it must not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from fusion_site.compact import native, seating
from fusion_site.compact.context import Context
from fusion_site.compact.failures import HostFailure
from fusion_site.compact.options import HostOptions
from fusion_site.compact.slices import SLICE
from fusion_site.compact.weights import LoadedModel
from tests.compact.running import OPTIONS, Running, running
from tests.compact.test_padding import TILES, learned

APART = replace(OPTIONS, slots=4, cells=2048, queue=20)
TOGETHER = replace(APART, cells=2047)
QUESTIONS = [f"Question {number}, please: " + "why? " * (number % 5) for number in range(10)]


@pytest.mark.parametrize(
    ("options", "apart"),
    [
        (APART, True),
        (TOGETHER, False),
        (replace(APART, cells=0), True),  # there is memory enough here
        (replace(APART, cells=9999), True),
    ],
)
def test_where_windows_fit_for_all_each_has_its_own(
    loaded: LoadedModel, options: HostOptions, apart: bool
) -> None:
    context = Context(loaded, options)
    assert (context.apart, context.cells) == (apart, 2048 if apart else 2047)
    context.free()


async def _answers(run: Running) -> list[str]:
    """The answers to all questions, which join and leave at different times."""
    asks = [run.ask(text, limit=10 + 7 * number) for number, text in enumerate(QUESTIONS)]
    return list(await asyncio.gather(*(run.text(ask) for ask in asks)))


async def test_answers_are_the_same_in_either_memory(loaded: LoadedModel) -> None:
    async with running(loaded, TOGETHER) as run:
        expected = await _answers(run)
    async with running(loaded, APART) as run:
        assert await _answers(run) == expected
        run.context.padding = learned(TILES)  # from now on holes are filled with spare rows
        assert await _answers(run) == expected
        assert max(run.context.sizes) > 0
    assert run.context.own_failures == []


async def test_a_prompt_longer_than_a_slice_is_read_in_slices(loaded: LoadedModel) -> None:
    long = "A long prompt. " * 120
    texts = []
    for cells in (4096, 4095):
        async with running(loaded, replace(APART, context=2048, slots=2, cells=cells)) as run:
            texts.append(await run.text(run.ask(long, limit=20)))
            assert max(run.context.sizes) <= SLICE
    assert texts[0] == texts[1] != ""


async def test_spare_rows_leave_nothing_behind(loaded: LoadedModel) -> None:
    """Two answers that fill their windows to the brim beside idle slots that serve as filling."""
    async with running(loaded, APART) as run:
        run.context.padding = learned(TILES)
        for _ in range(2):
            full = [run.ask(letter * 100, limit=APART.context - 110) for letter in "AB"]
            assert [len(await run.text(ask)) for ask in full] == [APART.context - 110] * 2
        again = run.ask("A" * 100, limit=1)
        await run.text(again)
        assert again.cached > 100
    assert run.context.own_failures == []


async def test_a_common_beginning_is_copied_while_its_owner_writes(loaded: LoadedModel) -> None:
    shared = "The question that all members share. " * 8
    async with running(loaded, APART) as run:
        steps, first = run.stepwise(), run.ask(shared + "One?", limit=100)
        await run.until_writing(first)
        second = run.ask(shared + "Two?", limit=20)
        steps.release(1000)
        text = await run.text(second)
        assert second.cached >= len(shared)
        run.scheduler.cancel(first)
    async with running(loaded, APART) as run:
        assert await run.text(run.ask(shared + "Two?", limit=20)) == text


async def test_what_copying_would_not_save_is_read_again(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(loaded, APART) as run:
        monkeypatch.setattr(run.context, "_copy_s", 1.0)
        steps, first = run.stepwise(), run.ask("The same", limit=400)
        await run.until_writing(first)
        second = run.ask("The same", limit=1)
        steps.release(1000)
        await run.text(second)
        assert second.cached == 0
        run.scheduler.cancel(first)


def test_a_copy_that_was_held_up_once_counts_as_quick_as_it_is(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, took = Context(loaded, APART), iter([2.0, 0.0])
    monkeypatch.setattr(context, "_timed_copy", lambda rows: next(took))
    context.warm_up()
    assert context.worth_sharing(1)
    context.free()


async def test_what_idle_slots_hold_costs_nothing_and_stays(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seating, "KEPT_FOR_ROWS", 10)
    async with running(loaded, APART) as run:
        for question in ("What nobody asks again", "Meanwhile"):
            steps = run.stepwise()
            asks = [run.ask(question, limit=40) for _ in range(2)]
            steps.release(1000)  # so that both are there before one begins
            await asyncio.gather(*(run.text(ask) for ask in asks))
        late = run.ask("What nobody asks again", limit=1)
        await run.text(late)
        assert late.cached > 10


async def test_a_failed_slice_of_a_prompt_leaves_the_writing_answers_alone(loaded: LoadedModel) -> None:
    async with running(loaded, APART) as run:
        expected = await run.text(run.ask("Running", limit=200))
    async with running(loaded, APART) as run:
        steps, steady = run.stepwise(), run.ask("Running", limit=200)
        await run.until_writing(steady)
        run.context.prompts_to_fail = 1
        lost = run.ask("Lost")
        steps.release(1000)
        with pytest.raises(HostFailure, match="code -3"):
            await run.text(lost)
        assert len(await run.text(steady)) == len(expected)


def test_no_more_is_filled_up_than_there_are_sequences() -> None:
    assert learned(TILES).companions((0, 1, 2, 3, 4, 5, 6), 7) == ()


async def test_rows_come_in_the_order_of_their_sequences_also_where_holes_are_filled(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so llama.cpp computes them in one go."""
    passed: list[list[int]] = []
    decode = native.decode

    def look(context: int, batch: Any) -> int:
        passed.append([batch.seq_id[row][0] for row in range(batch.n_tokens)])
        return int(decode(context, batch))

    lengths = (60, 20, 60, 60)
    async with running(loaded, APART) as run:
        asks = [run.ask(letter, limit=limit) for letter, limit in zip("abcd", lengths, strict=True)]
        as_they_come = [await run.text(ask) for ask in asks]
    async with running(loaded, APART) as run:
        run.context.padding = learned(TILES)
        monkeypatch.setattr(native, "decode", look)
        steps = run.stepwise()
        asks = [run.ask(letter, limit=limit) for letter, limit in zip("abcd", lengths, strict=True)]
        steps.release(10_000)
        assert [await run.text(ask) for ask in asks] == as_they_come
    holed = [sequences for sequences in passed if len(sequences) == 4 and len(set(sequences)) == 4]
    assert len(holed) > 20  # also after the second one had ended
    assert all(sequences == [0, 1, 2, 3] for sequences in holed)


@pytest.mark.parametrize(
    ("busy", "added"),
    [
        ((0,), ()),
        ((0, 1), (2, 3)),  # two rows are dearer than four
        ((0, 2), (1, 3)),  # one go of four is cheaper than two of one
        ((0, 9), ()),  # ten rows are dearer than two goes
        ((0, 1, 2, 3, 5), (4,)),
        ((0, 1, 3, 4, 5, 6), (2, 7)),
        ((14, 15), (12, 13)),  # there is no seventeenth
    ],
)
def test_holes_are_filled_where_a_second_go_costs_more(busy: tuple[int, ...], added: tuple[int, ...]) -> None:
    assert learned(TILES).companions(busy, 16) == added
