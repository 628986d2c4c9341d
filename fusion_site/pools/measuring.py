"""Counting what comes of asks: members' and judges' alike, by kind of connection and kind of error."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fusion_site.engine.asking import Ask, Asker, AskError, AskEvent, AskFinished, AskRetrying, Outcome
from fusion_site.ops.log_facts import carrying
from fusion_site.ops.metrics import ASKS, ASKS_OPEN, UPSTREAM_ERRORS, UPSTREAM_RETRIES

log = logging.getLogger(__name__)

# Learned when a connection is looked up; one text per connection that this process has asked.
_kinds: dict[str, str] = {}


def learn_kind(connection_id: str, kind: str) -> None:
    """Take note of which kind a connection is; it never becomes another."""
    _kinds[connection_id] = kind


class MeasuredAsker:
    """Asks as the asker inside it does, counts how it goes, and logs failures without the words of the server."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`."""
        connection = ask.model.connection
        outcome = Outcome.CANCELLED
        with ASKS_OPEN.track_inprogress():
            try:
                async with aclosing(self._asker.ask(ask)) as events:
                    async for event in events:
                        if isinstance(event, AskRetrying):
                            _note_retry(connection, event)
                        elif isinstance(event, AskFinished):
                            outcome = event.outcome
                            _note_failure(connection, event.error)
                        yield event
            finally:
                ASKS.labels(outcome.value).inc()

    async def read_ahead(self, ask: Ask) -> None:
        """Have the messages of `ask` read; it is no ask, and is counted where it is read."""
        await self._asker.read_ahead(ask)


def _note_retry(connection: str, event: AskRetrying) -> None:
    kind = _kinds.get(connection, "unknown")
    UPSTREAM_RETRIES.labels(kind, event.error.kind.value).inc()
    told = _told(connection, kind, event.error)
    log.info("a model is asked again", extra=carrying(**told, after_s=round(event.after_s, 1)))


def _note_failure(connection: str, error: AskError | None) -> None:
    if error is None:
        return
    kind = _kinds.get(connection, "unknown")
    UPSTREAM_ERRORS.labels(kind, error.kind.value).inc()
    log.warning("an upstream failed", extra=carrying(**_told(connection, kind, error)))


def _told(connection: str, kind: str, error: AskError) -> dict[str, object]:
    """Give what a line says of a failure: the server's own message may quote the prompt, so it is not in it."""
    return {"connection": connection, "kind": kind, "error": error.kind.value, "status": error.status}
