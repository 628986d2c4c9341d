"""Which files are on their way into service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Coming:
    """The names of files that wait to take over, the next one first; `tell` hears whenever the next one is another."""

    def __init__(self, tell: Callable[[str | None], None]) -> None:
        self._names: list[str] = []
        self._tell = tell

    @contextmanager
    def announced(self, name: str) -> Iterator[None]:
        """Count a file among them during the block; it is told of once no other one is before it."""
        self._names.append(name)
        if len(self._names) == 1:
            self._tell(name)
        try:
            yield
        finally:
            self._names.remove(name)
            self._tell(next(iter(self._names), None))
