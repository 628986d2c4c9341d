"""One decode: the next token of each answer that is written, and slices of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from fusion_site.compact.context import Context
from fusion_site.compact.meter import Meter
from fusion_site.compact.pace import Pace
from fusion_site.compact.seating import Seating, Slot

# Of one slot in a decode: the tokens in it, and the row whose logits choose the next one (None while prompt is left).
Output = tuple[Slot, list[int], int | None]


class Decoding:
    """Puts the rows of slots together, has llama.cpp compute them, and notes what that took."""

    def __init__(self, context: Context, seating: Seating, meter: Meter, pace: Pace) -> None:
        self._context, self._seating, self._meter, self._pace = context, seating, meter, pace
        self._rows = context.rows()

    def decode(
        self, writing: Sequence[Slot], reading: Sequence[Slot], budget: int, beside: Sequence[Slot]
    ) -> tuple[int, list[Output]]:
        """Compute the next token of those `writing`, at most `budget` prompt tokens of those `reading`, and one of each `beside`.

        Gives llama.cpp's code, and what stands for whom in the decode; slots do not hold these tokens yet.
        """
        self._rows.clear()
        one_each = sorted([*writing, *beside], key=lambda slot: slot.sequence)
        outputs = [
            self._next(slot) if slot.pending is not None else self._slice(slot, 1) for slot in one_each
        ]
        read = 0
        for slot in reading:
            if read < budget:
                outputs.append(self._slice(slot, budget - read))
                read += len(outputs[-1][1])
        started = perf_counter()
        code = self._context.decode(self._rows)
        seconds = perf_counter() - started
        self._meter.decode_seconds += seconds
        if code == 0:
            self._pace.measured(self._rows.count, read, seconds)
        place = self._rows.place
        return code, [(slot, said, None if row is None else place(row)) for slot, said, row in outputs]

    def begin(self, slot: Slot) -> None:
        """Look what memory has of a prompt before its first token is read."""
        if slot.generation and not slot.started:
            self._seating.begin(slot, slot.generation)
            self._meter.reused_tokens += slot.generation.cached

    def _next(self, slot: Slot) -> Output:
        """Add the token that was drawn last."""
        assert slot.pending is not None
        row = self._rows.add(slot.sequence, len(slot.held), [slot.pending], logits=True)
        return slot, [slot.pending], row

    def _slice(self, slot: Slot, budget: int) -> Output:
        """Add the next prompt tokens of `slot`, at most `budget`."""
        generation = slot.generation
        assert generation is not None
        self.begin(slot)
        start = len(slot.held)
        tokens = generation.prompt[start : start + budget]
        last = start + len(tokens) == len(generation.prompt)
        row = self._rows.add(slot.sequence, start, tokens, logits=last)
        self._meter.prompt_tokens += len(tokens)
        return slot, tokens, row if last else None
