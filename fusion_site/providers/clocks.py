"""The clocks of one ask. httpx's own read timeout is no use here: a keep-alive comment resets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fusion_site.engine.asking import AskError, ErrorKind


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long each phase may take, in seconds. The defaults suit slow reasoning models."""

    connect_s: float = 10.0
    """To resolve the name and open the TCP connection; once more for TLS."""
    first_s: float = 120.0
    """From sending the request to the first piece of text or reasoning, headers included."""
    idle_s: float = 60.0
    """Between two pieces of text or reasoning; keep-alives and empty chunks do not count."""
    total_s: float = 600.0
    """From leaving the queue to the end, retries included, where the ask has no deadline of its own."""
    trailer_s: float = 5.0
    """For usage and [DONE] after the finish reason; running out is not an error."""
    fetch_s: float = 30.0
    """For one catalogue or key lookup."""


class Watch:
    """Tells which clock of a running ask runs out next; `now` is the event loop's clock."""

    def __init__(self, clocks: Clocks, deadline_s: float | None, now: Callable[[], float]) -> None:
        self._clocks = clocks
        self._total_s = clocks.total_s if deadline_s is None else deadline_s
        self._now = now
        self.started = now()
        self.ends = self.started + self._total_s
        self._stopped_at: float | None = None
        self.attempt()

    def stand(self) -> None:
        """Stop all clocks: the request waits in the server's own queue. To be called whenever the server says so again."""
        self._stopped_at = self._now() if self._stopped_at is None else self._stopped_at
        self._silent_at = self._now() + self._clocks.idle_s

    def go(self) -> None:
        """Let the clocks go on from where they stood."""
        if self._stopped_at is not None:
            waited = self._now() - self._stopped_at
            self.started, self.ends = self.started + waited, self.ends + waited
            self._phase_ends += waited
            self._stopped_at = None

    def attempt(self) -> None:
        """Start the clocks of a new request; the total goes on running."""
        self.go()
        self._phase_ends = self._now() + self._clocks.first_s
        self._idling = False

    def progressed(self) -> None:
        """Start the idle clock anew: a piece has come. Called right before waiting, so that a slow reader
        of the pieces does not use up the model's time."""
        self._phase_ends = self._now() + self._clocks.idle_s
        self._idling = True

    def trailing(self) -> None:
        """Start the short clock for what may follow a finish reason."""
        self._phase_ends = min(self._phase_ends, self._now() + self._clocks.trailer_s)

    @property
    def until(self) -> float:
        """When the next clock runs out, on the loop's clock."""
        if self._stopped_at is not None:
            return self._silent_at
        return min(self._phase_ends, self.ends)

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the ask left the queue."""
        return round((self._now() - self.started) * 1000)

    def allows(self, wait_s: float) -> bool:
        """Whether something can still be done after waiting `wait_s` seconds."""
        return self._now() + wait_s < self.ends

    def error(self) -> AskError:
        """Say which clock ran out."""
        if self._stopped_at is not None:
            message = (
                f"The server fell silent for {self._clocks.idle_s:g} s while the request waited in its queue."
            )
        elif self.ends <= self._phase_ends:
            message = f"The answer was not finished within {self._total_s:.3g} s (total deadline)."
        elif self._idling:
            message = f"The model fell silent for {self._clocks.idle_s:g} s in its answer (idle clock)."
        else:
            message = f"The model wrote nothing within {self._clocks.first_s:g} s (first-content clock)."
        return AskError(ErrorKind.TIMEOUT, message, retryable=True)
