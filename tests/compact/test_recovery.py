"""What the scheduler does when llama.cpp fails, over a real model whose memory fails on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from fusion_site.compact.context import Context, Rows
from fusion_site.compact.failures import HostFailure
from fusion_site.compact.generation import Generation, News, Post
from fusion_site.compact.options import HostOptions
from fusion_site.compact.sampling import Sampler, Sampling
from fusion_site.compact.scheduler import Broken, Scheduler
from fusion_site.compact.template import Message
from fusion_site.compact.weights import LoadedModel
from tests.compact.hosting import PATIENCE

OPTIONS = HostOptions(slots=2, context=512, cells=1024, threads=1, queue=3)
GREEDY = Sampling(temperature=0)


class Faulty(Context):
    """A real context, but `codes` are answered instead of decoding, and with `whole_only` it cannot cut sequences."""

    codes: Sequence[int] = ()
    whole_only = False

    def decode(self, rows: Rows) -> int:
        if self.codes:
            code, *self.codes = self.codes
            return code
        return super().decode(rows)

    def cut(self, sequence: int, length: int) -> bool:
        return False if self.whole_only and length > 0 else super().cut(sequence, length)


class Running:
    """A scheduler in its thread."""

    def __init__(self, loaded: LoadedModel, context: Faulty) -> None:
        self.context = context
        self.scheduler = Scheduler(context, loaded.vocabulary, OPTIONS, Post(asyncio.get_running_loop()))
        self.broken: Broken | None = None
        self._loaded = loaded
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def ask(self, content: str, limit: int = 20) -> Generation:
        prompt = self._loaded.template.prompt([Message("user", content)])
        generation = Generation(prompt, limit, Sampler(GREEDY, self._loaded.vocabulary, 512))
        self.scheduler.submit(generation)
        return generation

    async def text(self, generation: Generation) -> str:
        text = ""
        while True:
            news = await generation.feed.next(PATIENCE)
            assert news != News(), "nothing came in time"
            text += news.text
            if news.failure:
                raise news.failure
            if news.ending:
                return text

    async def stop(self) -> None:
        self.scheduler.stop()
        await asyncio.to_thread(self._thread.join)
        self.scheduler.close("the test is over")

    def _run(self) -> None:
        try:
            self.scheduler.run()
        except Broken as error:
            self.broken = error


@asynccontextmanager
async def running(loaded: LoadedModel) -> AsyncIterator[Running]:
    run = Running(loaded, Faulty(loaded, OPTIONS))
    try:
        yield run
    finally:
        await run.stop()
        run.context.free()


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
        asked = [run.ask(f"Number {number}", limit=400) for number in range(3)]
        await asked[0].feed.next(PATIENCE)
        await run.stop()
        for generation in asked:
            with pytest.raises(HostFailure) as caught:
                await run.text(generation)
            assert caught.value.status == 503


async def test_the_queue_has_an_end(loaded: LoadedModel) -> None:
    async with running(loaded) as run:
        seated = [run.ask(f"Number {number}", limit=480) for number in range(2)]
        for generation in seated:
            await generation.feed.next(PATIENCE)
        waiting = [run.ask(f"Number {number}", limit=480) for number in range(OPTIONS.queue)]
        with pytest.raises(HostFailure) as caught:
            run.ask("One too many")
        assert (caught.value.status, caught.value.code) == (503, "queue_full")
        for generation in seated + waiting:
            run.scheduler.cancel(generation)
        async with asyncio.timeout(PATIENCE):
            while run.scheduler.meter.answers_cancelled < len(seated + waiting):
                await asyncio.sleep(0)
        assert len(await run.text(run.ask("Hi", limit=5))) == 5
