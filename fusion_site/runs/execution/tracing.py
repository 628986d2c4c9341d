"""Working out where a fused answer comes from, beside the run and in a thread of its own, once for each version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from fusion_site.engine.provenance import Carried, Point, points_of, trace
from fusion_site.runs.execution.storing import Fenced
from fusion_site.runs.execution.writing import Writing
from fusion_site.runs.state import FusedState

log = logging.getLogger(__name__)

# One at a time: it computes, and would take the time of all that goes on in this process.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracing")


@dataclass(frozen=True, slots=True)
class Untraced:
    """A whole version of the fused answer. `texts` are what it may come from, by answer, each as of its attempt."""

    version: int
    text: str
    texts: dict[str, str]
    attempts: dict[str, int]
    verdict: dict[str, Any] | None


def untraced(fused: FusedState, verdict: dict[str, Any] | None, answers: Iterable[Writing]) -> Untraced:
    """Give a version with what it may come from: the answers that it was made of, and all that were compared."""
    compared = [candidate["answer"] for candidate in (verdict or {}).get("candidates", ())]
    known = [answer for answer in answers if answer.id in {*fused.answers, *compared}]
    texts = {answer.id: answer.text for answer in known}
    return Untraced(fused.version, fused.text, texts, {a.id: a.attempt for a in known}, verdict)


def traced(given: Untraced) -> dict[str, Any]:
    """Give where a fused answer comes from, as rows and events keep it."""
    found = trace(given.text, given.texts, points_of(given.verdict))
    return {
        "sentences": [_carried_json(each, given.attempts) for each in found.carried],
        "judge_only": [{"offset": offset, "length": length} for offset, length in found.own],
        "dropped": [_point_json(point) for point in found.dropped],
        "clipped": found.is_clipped,
    }


def _carried_json(each: Carried[str], attempts: dict[str, int]) -> dict[str, Any]:
    said = [{"answer": key, "attempt": attempts[key], **asdict(passage)} for key, passage in each.carriers]
    return {"offset": each.offset, "length": each.length, "from": said}


def _point_json(point: Point[str]) -> dict[str, Any]:
    return {"kind": point.kind, "topic": point.topic, "text": point.text, "answer": point.holder}


class Tracing:
    """Traces the fused answer of one pass as soon as it is whole. `untraced` gives it then, and `told` is told what was found."""

    def __init__(
        self, untraced: Callable[[], Untraced | None], told: Callable[[int, dict[str, Any]], None]
    ) -> None:
        self._untraced, self._told = untraced, told
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin, if there is something to trace and nothing has begun; returns at once."""
        if self._task is None and (given := self._untraced()) is not None:
            self._task = asyncio.create_task(self._trace(given))

    async def done(self) -> None:
        """Wait until it is written down, where there is something to trace; raises Fenced if that may not be."""
        self.begin()
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task.result()

    async def close(self) -> None:
        """Let it be."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _trace(self, given: Untraced) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(_THREAD, traced, given)
            self._told(given.version, found)
        except Fenced:
            raise
        except Exception:
            # The answer is what counts: without this it is whole, only nobody knows where it comes from.
            log.exception("where a fused answer comes from could not be worked out")
