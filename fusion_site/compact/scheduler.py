"""Many answers from one model at once: the loop that the model thread runs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Literal

from fusion_site.compact.context import Context
from fusion_site.compact.decoding import Decoding
from fusion_site.compact.failures import HostFailure, broken, not_ready, queue_full
from fusion_site.compact.generation import Generation, News, Post
from fusion_site.compact.line import Line
from fusion_site.compact.meter import Meter
from fusion_site.compact.options import HostOptions
from fusion_site.compact.pace import Pace
from fusion_site.compact.seating import Seating, Slot
from fusion_site.compact.slices import READ_AT_ONCE, SLICE, part_of, whole_tiles
from fusion_site.compact.vocabulary import Vocabulary

log = logging.getLogger(__name__)
MOST_FAILURES = 3  # decodes that fail in a row before the process is given up and started anew
NO_ROOM = 1


class Broken(Exception):
    """The model cannot compute any more; the process should be replaced."""


class Scheduler:
    """Continuous batching: every step computes one row per writing answer and a slice of the oldest unread prompt.

    That is one decode, or, where sequences have memory of their own, one for the writing answers, and single rows of prompts where
    these cost little there, and one for the slice.
    `submit`, `cancel` and `close` are called on the event loop, `run` in the model thread; they meet only in the inbox.
    Parties are served in turn, each in its order (see `Line`); the place of each request is told to its feed. Those that only
    read ahead come after all others: one at a time, with what the others leave of each step, and off their slot when it is wanted.
    """

    def __init__(self, context: Context, vocabulary: Vocabulary, options: HostOptions, post: Post) -> None:
        self.meter = Meter()
        self._context = context
        self._vocabulary = vocabulary
        self._post = post
        self._most_waiting = options.queue
        self._seating = Seating(context, options.slots)
        self._tile = context.reads_at_once
        self._pace = Pace(SLICE, context.row_rate, self._tile)
        self._decoding = Decoding(context, self._seating, self.meter, self._pace)
        self._line = Line()
        self._ahead: deque[Generation] = deque()
        self._arrivals: deque[Generation] = deque()
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._running = True
        self._failures = 0
        self._closed: HostFailure | None = None

    def submit(self, generation: Generation) -> None:
        """Queue a generation; its feed tells the rest. Raises `HostFailure` when full or closed."""
        if self._closed:
            raise self._closed
        waiting = len(self._line) + len(self._ahead) + len(self._arrivals)
        if waiting >= self._most_waiting:
            raise queue_full(waiting)
        self._arrivals.append(generation)
        self._inbox.put(self._arrive)

    def cancel(self, generation: Generation) -> None:
        """Stop a generation before the next step and free its slot; one that ended already is left alone."""
        self._inbox.put(partial(self._drop, generation))

    def stop(self) -> None:
        """Let `run` return before the next step."""
        self._inbox.put(self._halt)

    def close(self, reason: str) -> None:
        """Refuse what comes from now on, and fail what `run` left; after `run` has returned."""
        self._closed = not_ready("failed", reason)
        self._read_inbox()
        for generation in [*self._line, *self._ahead, *(slot.generation for slot in self._seating.busy)]:
            if generation:
                self._settle(generation, News(failure=self._closed))
        self._line.clear()
        self._ahead.clear()
        self._post.flush()

    def run(self) -> None:
        """Serve until `stop`; raises `Broken` when the model cannot go on."""
        self._wait()
        while self._running:
            started = perf_counter()
            try:
                self._admit()
                self._step()
            finally:  # also when the model is given up: those whose last step it was shall know
                self._count()
                self._post.flush()
            self.meter.steps += 1
            self.meter.step_seconds += perf_counter() - started
            self._wait()

    def _wait(self) -> None:
        """Read the inbox; with nothing to do, sleep until something comes."""
        self._read_inbox()
        while self._running and not (self._line or self._ahead or self._seating.busy):
            self._inbox.get()()
            self._read_inbox()

    def _read_inbox(self) -> None:
        while True:
            try:
                order = self._inbox.get_nowait()
            except Empty:
                return
            order()

    def _halt(self) -> None:
        self._running = False

    def _arrive(self) -> None:
        generation = self._arrivals.popleft()
        (self._ahead.append if generation.reads_ahead else self._line.join)(generation)

    def _drop(self, generation: Generation) -> None:
        slot = self._seating.of(generation)
        if slot:
            self._seating.leave(slot)
        elif generation in self._ahead:
            self._ahead.remove(generation)
        elif not self._line.leave(generation):
            return
        generation.sampler.close()
        self.meter.answers_cancelled += 1
        self._count()

    def _admit(self) -> None:
        """Seat whoever is next while that fits, and tell the others their new places; with nobody left, read ahead."""
        while (first := next(iter(self._line), None)) and self._seat(first):
            self._line.serve(first)
            self._tell_place(first, 0)
        for place, generation in enumerate(self._line, start=1):
            self._tell_place(generation, place)
        if self._ahead and not self._line and not self._seating.ahead and self._seating.seat(self._ahead[0]):
            self._ahead.popleft()

    def _seat(self, generation: Generation) -> bool:
        """Give `generation` a slot, and if there is none that of whoever only reads ahead, who waits again."""
        if self._seating.seat(generation):
            return True
        slot = self._seating.ahead
        if slot is None or slot.generation is None:
            return False
        self._ahead.appendleft(slot.generation)
        self._seating.leave(slot)
        return self._seating.seat(generation)

    def _tell_place(self, generation: Generation, place: int) -> None:
        if generation.place != place:
            generation.place = place
            self._post.send(generation.feed, News(place=place))

    def _count(self) -> None:
        self.meter.slots_busy = len(self._seating.busy)
        self.meter.waiting = len(self._line)

    def _step(self) -> None:
        """Compute the next rows of everyone."""
        writing = self._seating.writing
        reading, budget = self._to_read(len(writing))
        if not self._context.apart:
            self._compute(writing, reading, budget)
        elif not writing or self._compute(writing, beside=self._seating.beside(writing, reading)):
            # Where nobody writes, the first prompt that is through begins to: nothing more is read before its next token.
            self._read_one_by_one(reading if writing else reading[:1], budget)

    def _read_one_by_one(self, reading: list[Slot], budget: int) -> None:
        """Read about `budget` tokens of the oldest prompt, and where that is through, begin the next in the time that is left."""
        started = perf_counter()
        for slot in reading:
            self._decoding.begin(slot)
            part = part_of(slot.unread, budget, self._tile)
            if slot.unread and (not self._compute([], [slot], part) or slot.unread):
                return
            budget = self._pace.rest(perf_counter() - started)
            if budget < READ_AT_ONCE:
                return

    def _to_read(self, writing: int) -> tuple[list[Slot], int]:
        """Whose prompts to read in this step, and how many tokens over all; what nobody waits for yet only if it is alone."""
        ahead = self._seating.ahead
        reading = [slot for slot in self._seating.busy if slot.pending is None and slot is not ahead]
        if reading or not ahead:
            budget = self._pace.budget(others_write=writing > 0)
            return reading, budget if self._context.apart else whole_tiles(writing, budget, self._tile)
        return [ahead], self._pace.ahead(others_write=writing > 0)

    def _compute(
        self,
        writing: Sequence[Slot],
        reading: Sequence[Slot] = (),
        budget: int = 0,
        beside: Sequence[Slot] = (),
    ) -> bool:
        """Do one decode and hand each answer its token; False if it failed."""
        code, outputs = self._decoding.decode(writing, reading, budget, beside)
        if code != 0:
            self._recover(code, [slot for slot, _, _ in outputs])
            return False
        self._failures = 0
        for output in outputs:
            self._take_in(*output)
        self._seating.count_rows(sum(row is not None for _, _, row in outputs))
        return True

    def _take_in(self, slot: Slot, tokens: list[int], row: int | None) -> None:
        slot.held += tokens
        generation = slot.generation
        if row is None or generation is None:
            return
        if generation.reads_ahead:
            self._finish(slot, generation, "length")
            return
        token = generation.sampler.draw(self._context.handle, row)
        if self._vocabulary.is_end(token):
            self._finish(slot, generation, "stop")
        else:
            self._write(slot, generation, token)

    def _write(self, slot: Slot, generation: Generation, token: int) -> None:
        piece = self._vocabulary.piece(token) if generation.written else self._vocabulary.first_piece(token)
        text = generation.text.feed(piece)
        generation.written += 1
        self.meter.written_tokens += 1
        if text:
            self._post.send(generation.feed, News(text=text))
        if generation.text.stopped:
            self._finish(slot, generation, "stop")
        elif generation.written >= generation.limit:
            self._finish(slot, generation, "length")
        else:
            slot.pending = token

    def _finish(self, slot: Slot, generation: Generation, reason: Literal["stop", "length"]) -> None:
        self._seating.leave(slot)
        if generation.reads_ahead:
            self.meter.read_ahead += 1
        else:
            self.meter.answers_finished += 1
        self._settle(generation, News(text=generation.text.finish(), ending=generation.ending(reason)))

    def _settle(self, generation: Generation, news: News) -> None:
        """The last news of a generation."""
        generation.sampler.close()
        self._post.send(generation.feed, news)

    def _recover(self, code: int, slots: list[Slot]) -> None:
        """A decode failed: make room where that can help, else give up the answers it was for and empty their memory."""
        if code == NO_ROOM and self._seating.forget_oldest():
            return
        self._failures += 1
        log.error("llama_decode failed with code %d for %d answers", code, len(slots))
        for slot in slots:
            generation = slot.generation
            self._seating.leave(slot)
            self._seating.forget(slot)
            if generation:
                self.meter.answers_failed += 1
                self._settle(
                    generation,
                    News(failure=broken(f"llama.cpp could not compute this answer (code {code}).")),
                )
        if self._failures >= MOST_FAILURES:
            raise Broken(f"llama.cpp failed {self._failures} times in a row, the last time with code {code}")
