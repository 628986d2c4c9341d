"""The port through which flows hand runs to whoever works on them."""

from __future__ import annotations

from typing import Protocol

from fusion_site.engine.events import AnswerKey


class Queue(Protocol):
    """Works on runs. All three may be called from any thread, and more than once."""

    def submit(self, run_id: str) -> None:
        """Begin to work on a run soon."""
        ...

    def cancel(self, run_id: str) -> None:
        """Stop a run within a second."""
        ...

    def cancel_answer(self, run_id: str, key: AnswerKey) -> None:
        """Stop one answer of a run within a second."""
        ...


class RowsOnly:
    """The queue of a process that works on no runs: the rows say what is wanted, and the server looks at them."""

    def submit(self, run_id: str) -> None:
        """Leave it to the server's sweep."""

    def cancel(self, run_id: str) -> None:
        """Leave it to the worker, which looks at the row twice a second."""

    def cancel_answer(self, run_id: str, key: AnswerKey) -> None:
        """Leave it to the worker, which looks at the row twice a second."""


_queue: Queue = RowsOnly()


def queue() -> Queue:
    """Give this process's queue."""
    return _queue


def use_queue(chosen: Queue) -> None:
    """Make `chosen` this process's queue."""
    global _queue
    _queue = chosen
