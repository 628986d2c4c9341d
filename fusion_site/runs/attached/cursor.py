"""Reading bytes in order, never beyond their end."""

from __future__ import annotations

from typing import Literal


class Malformed(Exception):
    """The bytes are not what their format says."""


class Cursor:
    """A place in some bytes that moves on with what is taken."""

    def __init__(self, data: bytes, place: int = 0) -> None:
        self._data, self.place = data, place

    def take(self, count: int) -> bytes:
        """Give the next bytes, all of them. Raises Malformed."""
        taken = self.peek(count)
        if count < 0 or len(taken) < count:
            raise Malformed
        self.place += count
        return taken

    def peek(self, count: int) -> bytes:
        """Give the next bytes, as many as there are, and stay."""
        return self._data[self.place : self.place + count]

    def number(self, count: int, order: Literal["big", "little"] = "big") -> int:
        """Give the number in the next bytes. Raises Malformed."""
        return int.from_bytes(self.take(count), order)

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self.place >= len(self._data)
