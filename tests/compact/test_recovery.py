"""What the scheduler does when llama.cpp fails, or memory runs short."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from fusion_site.compact import seating
from fusion_site.compact.failures import HostFailure
from fusion_site.compact.options import HostOptions
from fusion_site.compact.sampling import Sampling
from fusion_site.compact.weights import LoadedModel, load
from tests.compact.gguf_model import write_tiny_gguf
from tests.compact.hosting import PATIENCE
from tests.compact.running import OPTIONS, running

FOUR_SLOTS = replace(OPTIONS, slots=4)


async def test_a_failed_decode_fails_its_answers_and_no_later_one(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        expected = await run.text(run.ask("Hi"))
        run.context.codes = [-3]
        with pytest.raises(HostFailure, match=r"code -3") as caught:
            await run.text(run.ask("Hi"))
        assert caught.value.status == 500
        assert await run.text(run.ask("Hi")) == expected
        assert run.scheduler.meter.answers_failed == 1


async def test_without_room_the_oldest_idle_memory_goes_first(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        expected = await run.text(run.ask("Hi"))
        other = await run.text(run.ask("Another question"))
        run.context.codes = [1]
        assert await run.text(run.ask("Another question")) == other
        again = run.ask("Hi")
        assert await run.text(again) == expected
        assert again.cached <= 2  # its memory was the oldest; at most the common beginning is left
        assert run.scheduler.meter.answers_failed == 0


async def test_of_several_idle_memories_the_oldest_goes(loaded: LoadedModel) -> None:
    async with running(loaded, FOUR_SLOTS) as run:
        questions = [letter * 100 for letter in "ABC"]
        for question in questions:
            await run.text(run.ask(question))
        run.context.codes = [1]
        await run.text(run.ask("D" * 100))
        again = [run.ask(question) for question in reversed(questions)]
        for generation in again:
            await run.text(generation)
        assert [generation.cached > 100 for generation in again] == [True, True, False]


async def test_idle_memory_makes_way_before_it_is_missed(loaded: LoadedModel) -> None:
    """Four times 310 tokens do not fit into 1024; what is idle is given up without a single failed decode."""
    async with running(loaded, FOUR_SLOTS) as run:
        for letter in "ABCDEFGH":
            await run.text(run.ask(letter * 300))
        assert run.context.own_failures == []


async def test_a_model_that_fails_again_and_again_is_given_up(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        run.context.codes = [-1] * 3
        for _ in range(3):
            with pytest.raises(HostFailure):
                await run.text(run.ask("Hi"))
        await run.stop()
        assert run.broken is not None
        with pytest.raises(HostFailure, match="the test is over"):
            run.ask("Hi")


async def test_memory_that_cannot_be_cut_is_started_over(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        expected = [await run.text(run.ask(content)) for content in ("Hello there", "Hello world")]
    async with running(loaded) as run:
        run.context.whole_only = True
        run.context.shares_prefixes = False
        assert [await run.text(run.ask(content)) for content in ("Hello there", "Hello world")] == expected


async def test_closing_fails_what_is_open(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        run.stepwise()
        asked = [run.ask(f"Number {number}", limit=400) for number in range(3)]
        await run.until_writing(asked[0])
        await run.stop()
        for generation in asked:
            with pytest.raises(HostFailure) as caught:
                await run.text(generation)
            assert caught.value.status == 503


async def test_the_queue_has_an_end(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        steps = run.stepwise()
        seated = [run.ask(f"Number {number}", limit=480) for number in range(2)]
        await run.until_writing(*seated)
        waiting = [run.ask(f"Number {number}", limit=480) for number in range(OPTIONS.queue)]
        with pytest.raises(HostFailure) as caught:
            run.ask("One too many")
        assert (caught.value.status, caught.value.code) == (503, "queue_full")
        for generation in seated + waiting:
            run.scheduler.cancel(generation)
        steps.release(1000)
        async with asyncio.timeout(PATIENCE):
            while run.scheduler.meter.answers_cancelled < len(seated + waiting):
                await asyncio.sleep(0)
        assert len(await run.text(run.ask("Hi", limit=5))) == 5


async def test_an_answer_does_not_begin_with_the_space_of_its_first_word(models: Path) -> None:
    """SentencePiece models write a space before every word, also before the first."""
    path = write_tiny_gguf(models / "words.gguf", sentencepiece=True)
    words = load(path, HostOptions(), on_progress=lambda share: True)
    (word,) = words.vocabulary.plain("a", joined=False)
    async with running(words) as run:
        always = Sampling(temperature=0, logit_bias=((word, 100.0),))
        assert await run.text(run.ask("Hi", limit=3, sampling=always)) == "a a a"
    words.free()


async def test_what_nobody_asks_for_again_is_forgotten_once_it_has_cost_enough(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seating, "KEPT_FOR_ROWS", 50)
    async with running(loaded) as run:
        await run.text(run.ask("What nobody asks again", limit=1))
        await run.text(run.ask("Meanwhile", limit=30))
        again = run.ask("What nobody asks again", limit=1)
        await run.text(again)
        assert again.cached > 0
        await run.text(run.ask("Meanwhile", limit=60))
        late = run.ask("What nobody asks again", limit=1)
        await run.text(late)
        assert late.cached <= 2  # what every prompt begins with
