"""A scheduler over a real model in this process, whose memory fails on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fusion_site.compact.context import Context
from fusion_site.compact.generation import Generation, News, Post
from fusion_site.compact.options import HostOptions
from fusion_site.compact.rows import Rows
from fusion_site.compact.sampling import Sampler, Sampling
from fusion_site.compact.scheduler import Broken, Scheduler
from fusion_site.compact.template import Message
from fusion_site.compact.weights import LoadedModel
from tests.compact.hosting import PATIENCE

OPTIONS = HostOptions(slots=2, context=512, cells=1023, threads=1, queue=3)
GREEDY = Sampling(temperature=0)


class Faulty(Context):
    """A real context, but `codes` are answered instead of decoding, and with `whole_only` it cannot cut sequences.

    So many as `prompts_to_fail` of the slices of prompts fail with code -3. With `allowed` set, each step waits until it is released there; `sizes` has the rows of each,
    and `filled_up` tells whether spare ones were added to any.
    """

    codes: Sequence[int] = ()
    whole_only = False
    prompts_to_fail = 0
    allowed: threading.Semaphore | None = None
    filled_up = False

    def __init__(self, model: LoadedModel, options: HostOptions) -> None:
        super().__init__(model, options)
        self.own_failures: list[int] = []
        self.sizes: list[int] = []

    def decode(self, rows: Rows) -> int:
        if self.allowed is not None:
            self.allowed.acquire()
        self.sizes.append(rows.count)
        if self.codes:
            code, *self.codes = self.codes
            return code
        if self.prompts_to_fail and not rows.one_each:
            self.prompts_to_fail -= 1
            return -3
        code = super().decode(rows)
        self.filled_up |= rows.count > self.sizes[-1]
        self.own_failures += [code] if code else []
        return code

    def cut(self, sequence: int, length: int) -> bool:
        return False if self.whole_only and length > 0 else super().cut(sequence, length)


class Running:
    """A scheduler in its thread."""

    def __init__(self, loaded: LoadedModel, options: HostOptions) -> None:
        self.context = Faulty(loaded, options)
        post = Post(asyncio.get_running_loop())
        self.scheduler = Scheduler(self.context, loaded.vocabulary, options, post)
        self.broken: Broken | None = None
        self._loaded = loaded
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def ask(self, content: str, limit: int = 20, sampling: Sampling = GREEDY) -> Generation:
        """Submit a question."""
        prompt = self._loaded.template.prompt([Message("user", content)])
        generation = Generation(prompt, limit, Sampler(sampling, self._loaded.vocabulary, 512))
        self.scheduler.submit(generation)
        return generation

    def stepwise(self) -> threading.Semaphore:
        """Let the scheduler make only the steps that are released from now on."""
        self.context.allowed = allowed = threading.Semaphore(0)
        return allowed

    def read_by(self, tokens: int, rest: int = 0) -> None:
        """Let every step read so many tokens of one prompt, and so many of the next, whatever they take here."""
        self.scheduler._pace.budget = lambda *, others_write: tokens  # type: ignore[method-assign]
        self.scheduler._pace.rest = lambda spent_s: rest  # type: ignore[method-assign]

    async def step(self) -> None:
        """Release one step, and come back once it is under way."""
        assert self.context.allowed is not None
        made = len(self.context.sizes)
        self.context.allowed.release()
        async with asyncio.timeout(PATIENCE):
            while len(self.context.sizes) == made:
                await asyncio.sleep(0)

    async def until_writing(self, *generations: Generation) -> None:
        """Release steps until each has its first token; what follows finds them writing, however long it takes."""
        while not all(generation.written for generation in generations):
            await self.step()

    async def text(self, generation: Generation) -> str:
        """The whole text, or the failure."""
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
        """End the thread and what is open."""
        self.scheduler.stop()
        if self.context.allowed is not None:
            self.context.allowed.release(1000)
        await asyncio.to_thread(self._thread.join)
        self.scheduler.close("the test is over")

    def _run(self) -> None:
        try:
            self.scheduler.run()
        except Broken as error:
            self.broken = error


@asynccontextmanager
async def running(loaded: LoadedModel, options: HostOptions = OPTIONS) -> AsyncIterator[Running]:
    """A scheduler that runs until the block ends."""
    run = Running(loaded, options)
    try:
        yield run
    finally:
        await run.stop()
        run.context.free()
