"""Which sequence a request gets, and what of its prompt is in memory already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from fusion_site.compact.context import Context
from fusion_site.compact.generation import Generation

# Every row that is computed passes over all of a shared memory. Per token held that takes about 1/6000 of what reading the token
# again would (measured on two cores with half a gigabyte of Q4_0), and few beginnings come again: a third of that.
KEPT_FOR_ROWS = 2000
# Tokens of a common beginning that are sooner read twice than waited for: most templates begin all prompts alike.
MAY_BE_LOST = 16


@dataclass(eq=False, slots=True)
class Slot:
    """One sequence: the tokens that memory holds for it, and the generation it serves, if any.

    `pending` is a token that was drawn but is not in memory yet. Once so many rows are written as `kept_until` says, nothing is
    lost with what an idle slot holds.
    """

    sequence: int
    held: list[int] = field(default_factory=list)
    generation: Generation | None = None
    pending: int | None = None
    started: bool = False
    last_use: int = 0
    kept_until: int = 0

    @property
    def unread(self) -> int:
        """Prompt tokens that are not in memory yet."""
        return len(self.generation.prompt) - len(self.held) if self.generation and self.pending is None else 0

    @property
    def claim(self) -> int:
        """Cells to count for this slot: the worst case of its generation, else what it holds."""
        return self.generation.reserve if self.generation else len(self.held)


class Seating:
    """All slots of one context.

    A request is seated only if its worst case fits beside the worst cases of all others, so no running
    answer ever dies for memory. Shared prefixes are counted once per slot, which errs on the safe side.
    """

    def __init__(self, context: Context, slots: int) -> None:
        self._context = context
        self._slots = [Slot(sequence) for sequence in range(slots)]
        self._clock = count(1)
        self._rows_written = 0

    @property
    def writing(self) -> list[Slot]:
        """Slots whose next token is drawn already, by their sequence."""
        return [slot for slot in self._slots if slot.pending is not None]

    @property
    def busy(self) -> list[Slot]:
        """Slots that serve a generation, longest seated first."""
        return sorted((slot for slot in self._slots if slot.generation), key=lambda slot: slot.last_use)

    @property
    def ahead(self) -> Slot | None:
        """The slot that reads a prompt ahead, if one does."""
        return next((slot for slot in self._slots if slot.generation and slot.generation.reads_ahead), None)

    def beside(self, writing: Sequence[Slot], reading: Sequence[Slot]) -> list[Slot]:
        """Of those that read, whom to read one token of in the decode of those that write, where that costs little there.

        Nobody who has not begun, where others read what the prompt begins with, too: it can have that from them, unless it begins
        before they are done.
        """
        ahead, begins = self.ahead, Counter(_beginning(slot) for slot in reading)
        ready = {
            slot.sequence: slot
            for slot in reading
            if slot is not ahead and (slot.started or begins[_beginning(slot)] == 1)
        }
        busy = tuple(slot.sequence for slot in writing)
        return [ready[sequence] for sequence in self._context.padding.beside(busy, tuple(sorted(ready)))]

    def of(self, generation: Generation) -> Slot | None:
        """The slot that serves `generation`."""
        return next((slot for slot in self._slots if slot.generation is generation), None)

    def seat(self, generation: Generation) -> bool:
        """Give `generation` a slot; False while none is free or memory is spoken for."""
        free = [slot for slot in self._slots if slot.generation is None]
        if not free:
            return False
        slot = self._fitting(free, generation.prompt)
        if not self._make_room(generation.reserve, slot):
            return False
        self._keep(slot, shared_length(slot.held, generation.prompt))
        slot.generation, slot.pending, slot.started = generation, None, False
        slot.last_use = next(self._clock)
        return True

    def begin(self, slot: Slot, generation: Generation) -> None:
        """Find what memory has of the prompt, just before its first token is read.

        So late, because meanwhile a neighbour may have read the same beginning (several members, one question).
        """
        prompt = generation.prompt
        slot.started = True
        most = len(prompt) - 1  # the last token is always computed: its logits choose the first new one
        own = min(shared_length(slot.held, prompt), most)
        donor, length = self._best_donor(slot, prompt, most)
        if donor is not None and self._context.worth_sharing(length - own):
            self.forget(slot)
            self._context.share(donor.sequence, slot.sequence, length)
            slot.held = prompt[:length]
        else:
            self._keep(slot, own)
        generation.cached = len(slot.held)

    def leave(self, slot: Slot) -> None:
        """The generation is over; what its sequence holds stays for later prompts that begin alike."""
        slot.generation = slot.pending = None
        slot.last_use = next(self._clock)
        slot.kept_until = self._rows_written + KEPT_FOR_ROWS

    def count_rows(self, written: int) -> None:
        """So many rows more were written beside what idle slots hold; those that it has cost enough are emptied.

        It costs nothing where every sequence has memory of its own.
        """
        self._rows_written += written
        if not self._context.apart:
            for slot in self._slots:
                if slot.generation is None and slot.held and not self._keeps(slot):
                    self.forget(slot)

    def forget(self, slot: Slot) -> None:
        """Empty a slot's memory."""
        self._context.cut(slot.sequence, 0)
        slot.held = []

    def forget_oldest(self) -> bool:
        """Empty the idle slot that was not used for the longest time; False if none holds anything."""
        idle = [slot for slot in self._slots if slot.generation is None and slot.held]
        if idle:
            self.forget(min(idle, key=lambda slot: slot.last_use))
        return bool(idle)

    def _fitting(self, free: list[Slot], prompt: Sequence[int]) -> Slot:
        """The free slot that holds most of this prompt, unless too much of what it holds would be lost.

        That is more than half; or a quarter, where an empty slot can have the common beginning without any loss: of a
        judge's two orders only one goes on where reading ahead has ended, and the other must not cut that off.
        """
        best = max(free, key=lambda slot: shared_length(slot.held, prompt))
        shared, spare = shared_length(best.held, prompt), min(free, key=self._loss)
        most_lost = 4 if self._context.shares_prefixes and not self._keeps(spare) else 2
        return best if most_lost * (len(best.held) - shared) < len(best.held) else spare

    def _keeps(self, slot: Slot) -> bool:
        """Whether what an idle slot holds may be of use yet."""
        return bool(slot.held) and self._rows_written < slot.kept_until

    def _loss(self, slot: Slot) -> tuple[bool, int]:
        """Orders idle slots: first those that keep nothing, the lowest first, since neighbours are computed in one go."""
        keeps = self._keeps(slot)
        return keeps, slot.last_use if keeps else slot.sequence

    def _make_room(self, need: int, slot: Slot) -> bool:
        others = [other for other in self._slots if other is not slot]
        if need + sum(other.claim for other in others if other.generation) > self._context.cells:
            return False
        idle = sorted((o for o in others if o.generation is None and o.held), key=lambda o: o.last_use)
        while need + sum(other.claim for other in others) > self._context.cells:
            self.forget(idle.pop(0))
        return True

    def _best_donor(self, slot: Slot, prompt: Sequence[int], most: int) -> tuple[Slot | None, int]:
        if not self._context.shares_prefixes:
            return None, 0
        others = [other for other in self._slots if other is not slot and other.held]
        donor = max(others, key=lambda other: shared_length(other.held, prompt), default=None)
        return donor, min(shared_length(donor.held, prompt), most) if donor else 0

    def _keep(self, slot: Slot, length: int) -> None:
        """Cut a slot's memory to `length` tokens; memory that cannot be cut there is started over."""
        if length == len(slot.held):
            return
        if self._context.cut(slot.sequence, length):
            slot.held = slot.held[:length]
        else:
            self.forget(slot)


def _beginning(slot: Slot) -> tuple[int, ...]:
    return tuple(slot.generation.prompt[:MAY_BE_LOST]) if slot.generation else ()


def shared_length(held: Sequence[int], prompt: Sequence[int]) -> int:
    """How many tokens two sequences have in common from the start."""
    for at, (left, right) in enumerate(zip(held, prompt, strict=False)):
        if left != right:
            return at
    return min(len(held), len(prompt))
