"""How far a fetch is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes here, bytes in all, bytes a second lately, and seconds left; None is unknown."""

    done: int
    size: int
    rate: float | None = None
    left_s: float | None = None

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.done / self.size if self.size else 1.0

    @property
    def left_ms(self) -> float | None:
        """The time left in milliseconds."""
        return None if self.left_s is None else self.left_s * 1000
