"""The port through which flows hand runs to whoever works on them."""

from __future__ import annotations

from typing import Protocol

from fusion_site.engine.results import AnswerKey


class Queue(Protocol):
    """Works on runs. All three are called inside the transaction that stores what is wanted, from any thread.

    Nothing comes of a call whose transaction is rolled back. All may be called more than once.
    """

    def submit(self, run_id: str) -> None:
        """Have a run worked on soon."""
        ...

    def cancel(self, run_id: str) -> None:
        """Have a run stopped within a second."""
        ...

    def cancel_answer(self, run_id: str, key: AnswerKey) -> None:
        """Have one answer of a run stopped within a second."""
        ...


class RowsOnly:
    """The queue of a process that works on no runs: the rows say what is wanted, and whoever works looks at them."""

    def submit(self, run_id: str) -> None:
        """Leave it to the server's sweep."""

    def cancel(self, run_id: str) -> None:
        """Leave it to the worker, which looks at the row twice a second."""

    def cancel_answer(self, run_id: str, key: AnswerKey) -> None:
        """Leave it to the worker, which looks at the row twice a second."""


_standing: Queue = RowsOnly()
_queue: Queue | None = None


def queue() -> Queue:
    """Give this process's queue."""
    return _queue or _standing


def use_queue(chosen: Queue | None) -> None:
    """Make `chosen` this process's queue; with None it works on no runs itself."""
    global _queue
    _queue = chosen


def hand_to(others: Queue) -> None:
    """Let a process that works on no runs itself hand them to `others`."""
    global _standing
    _standing = others
