"""Who waits for the model, and who comes next: parties in turn, so that none is held up by what another asked before."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import zip_longest

from fusion_site.compact.generation import Generation

REMEMBERED = 1024  # parties; who was not served for that long counts as new


class Line:
    """Waiting generations: one of each party, then the next of each; a party's own keep their order.

    The party that was not served for the longest time comes first, and one that never was before all others.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Generation]] = {}
        self._served: OrderedDict[str, None] = OrderedDict()  # longest ago first
        self._order: list[Generation] | None = None

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[Generation]:
        """All who wait, in the order in which they come as things stand."""
        if self._order is None:
            self._order = self._in_turn()
        return iter(self._order)

    def join(self, generation: Generation) -> None:
        """Wait behind all others of the same party."""
        self._waiting.setdefault(generation.party, deque()).append(generation)
        self._order = None

    def leave(self, generation: Generation) -> bool:
        """Wait no longer, and lose no turn by that; False if it did not wait."""
        own = self._waiting.get(generation.party, deque())
        if generation not in own:
            return False
        own.remove(generation)
        if not own:
            del self._waiting[generation.party]
        self._order = None
        return True

    def serve(self, generation: Generation) -> None:
        """Take out who is seated; its party has had its turn."""
        self.leave(generation)
        self._served[generation.party] = None
        self._served.move_to_end(generation.party)
        if len(self._served) > REMEMBERED:
            self._served.popitem(last=False)

    def clear(self) -> None:
        """Send all away."""
        self._waiting.clear()
        self._order = None

    def _in_turn(self) -> list[Generation]:
        turns = {party: at for at, party in enumerate(self._served)}
        parties = sorted(self._waiting, key=lambda party: turns.get(party, -1))  # new ones by who came first
        rounds = zip_longest(*(self._waiting[party] for party in parties))
        return [generation for one_each in rounds for generation in one_each if generation is not None]
