"""Reading ahead: a prompt that nobody waits for yet is read with what the others leave, and is ready when it is asked."""

from __future__ import annotations

from dataclasses import replace

from fusion_site.compact.generation import Generation
from fusion_site.compact.pace import MOST_AHEAD
from fusion_site.compact.weights import LoadedModel
from tests.compact.hosting import PATIENCE
from tests.compact.running import OPTIONS, Running, running

HEAD = "What all of a judge's prompts begin with. " * 4
FIRST, SECOND = "The first answer. " * 4, "The second answer. " * 4
LONG = "Long " * 80


async def until_read(run: Running, tokens: int) -> None:
    """Release steps until so many prompt tokens were read."""
    while run.scheduler.meter.prompt_tokens < tokens:
        await run.step()


async def ended(generation: Generation) -> bool:
    """Whether it has ended by what came so far."""
    return (await generation.feed.next(0)).ending is not None


async def test_what_was_read_ahead_is_there_when_it_is_asked(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        assert await run.text(run.ask(HEAD + FIRST, limit=0)) == ""
        asked = run.ask(HEAD + FIRST + SECOND)
        await run.text(asked)
        assert asked.cached >= len(HEAD + FIRST)
        assert (run.scheduler.meter.read_ahead, run.scheduler.meter.answers_finished) == (1, 1)


async def test_what_was_read_until_it_was_dropped_is_kept(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        steps = run.stepwise()
        ahead = run.ask(LONG, limit=0)
        await until_read(run, 200)
        run.scheduler.cancel(ahead)
        asked = run.ask(LONG, limit=1)
        steps.release(1000)
        await run.text(asked)
        assert asked.cached >= 200


async def test_a_running_answer_gets_its_token_in_every_step_and_a_step_stays_short(
    loaded: LoadedModel,
) -> None:
    async with running(loaded) as run:
        steps, writer = run.stepwise(), run.ask("Run", limit=400)
        await run.until_writing(writer)
        before = len(run.context.sizes)
        ahead = run.ask(LONG, limit=0)
        steps.release(1000)
        await run.text(ahead)
        sizes = run.context.sizes[before:]
        assert len(sizes) >= len(LONG) / MOST_AHEAD
        assert max(sizes) <= 1 + MOST_AHEAD
        assert writer.written >= len(LONG) / MOST_AHEAD


async def test_it_leaves_its_slot_to_whoever_is_waited_for(loaded: LoadedModel) -> None:
    """Two slots: one answer is being written, the other slot reads ahead when a question comes."""
    async with running(loaded, replace(OPTIONS, cells=2048)) as run:
        steps, writer = run.stepwise(), run.ask("Run", limit=400)
        await run.until_writing(writer)
        ahead = run.ask(LONG, limit=0)
        read = run.scheduler.meter.prompt_tokens
        await until_read(run, read + 1)
        asked = run.ask("Quick?", limit=2)
        steps.release(8)  # enough for the short answer, and not for the long prompt
        assert len(await run.text(asked)) == 2
        assert not await ended(ahead)
        steps.release(1000)
        assert await run.text(ahead) == ""


async def test_while_anyone_waits_nothing_is_read_ahead(loaded: LoadedModel) -> None:
    """A slot is free, and memory for the short prompt; the long answer that waits for more of it comes first all the same."""
    async with running(loaded, replace(OPTIONS, slots=3)) as run:
        run.stepwise()
        seated = [run.ask(f"Number {number}", limit=400) for number in range(2)]
        await run.until_writing(*seated)
        waiting, ahead = run.ask("Third", limit=400), run.ask("Ahead", limit=0)
        for _ in range(10):
            await run.step()
        assert (waiting.written, await ended(ahead)) == (0, False)
        run.scheduler.cancel(seated[0])
        while not await ended(ahead):
            await run.step()
        assert waiting.written > 0


async def test_of_a_judges_two_orders_the_other_one_does_not_cut_off_what_was_read(
    loaded: LoadedModel,
) -> None:
    async with running(loaded, replace(OPTIONS, slots=4, cells=2048)) as run:
        await run.text(run.ask(HEAD + FIRST, limit=0))
        reverse, forward = run.ask(HEAD + SECOND + FIRST, limit=8), run.ask(HEAD + FIRST + SECOND, limit=8)
        await run.text(reverse)
        await run.text(forward)
        assert reverse.cached >= len(HEAD)
        assert forward.cached >= len(HEAD + FIRST)


async def test_closing_fails_what_waits_to_be_read(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        steps = run.stepwise()
        asked = [run.ask(LONG, limit=0) for _ in range(2)]
        steps.release()
        run.scheduler.cancel(asked[0])
        await run.stop()
        assert (await asked[1].feed.next(PATIENCE)).failure is not None
