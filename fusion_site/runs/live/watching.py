"""A run that is being watched: its state, rendered once for everybody in this process who looks at it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any

from fusion_site.ops.log_facts import carrying
from fusion_site.ops.metrics import LAGGED, LISTENERS
from fusion_site.ops.querying import query_patiently
from fusion_site.runs.live.feed import Fact, follow
from fusion_site.runs.live.fragments import Touched, fragments, growth, snapshot
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.live.presenting import present
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.live.verdict_card import found_by
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.state import RunState

log = logging.getLogger(__name__)

# A listener that lags this many frames behind loses them and gets the whole current state instead.
QUEUE = 64
# Up to so many who write, text is sent as it comes, ten times a second at most; of more, no frame of nothing but text comes
# within this many seconds for each of them. Eight columns at once are four frames a second: nobody reads faster, and the
# page has half the work.
UNHURRIED = 3
PACE_S = 0.03125


class Listener:
    """One open page: a bounded queue of frames."""

    def __init__(self, live: LiveRun, *, may_act: bool) -> None:
        self._live = live
        self._frames: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._lags = True
        self.may_act = may_act

    def offer(self, frame: str) -> None:
        """Take a frame, unless this page lags: then it will get a snapshot."""
        if self._lags:
            return
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self._lags = True
            LAGGED.inc()

    async def frame(self) -> str:
        """Give the next frame: the whole state at first, after a lag and for another role, then what changed."""
        if not self._lags:
            frame = await self._frames.get()
            if not self._lags:
                return frame
        while not self._frames.empty():
            self._frames.get_nowait()
        # What is held back is in the state already, and may not come after it once more.
        self._live.flush()
        self._lags = False
        return self._live.snapshot(may_act=self.may_act)

    def change(self, *, may_act: bool) -> None:
        """Show from now on what somebody sees who may, or may not, stop the run: the next frame is the whole state."""
        if may_act is self.may_act:
            return
        self.may_act = may_act
        self._lags = True
        if self._frames.empty():
            self._frames.put_nowait("")  # wakes who waits for a frame


class LiveRun:
    """Follows one run and tells its listeners; loaded when the first one comes, dropped when the last one goes.

    `state` is what they see of it, by their `lens`; all of it without one.
    """

    def __init__(self, state: RunState, aspects: dict[int, str], lens: Lens | None = None) -> None:
        self._whole, self._lens = state, lens
        self.state = lens.state(state) if lens else state
        self.listeners: set[Listener] = set()
        self._aspects = aspects
        self._shown: dict[str, ShownText] = {}
        self._render(self._shown_keys())
        self._touched: Touched | None = None
        self._found_before: dict[str, Any] | None = None
        self._flushed_at = 0.0
        self._flushing: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._pump())

    def snapshot(self, *, may_act: bool) -> str:
        """Give the whole page of the run as one fragment."""
        return snapshot(self.view(may_act=may_act))

    def view(self, *, may_act: bool) -> dict[str, Any]:
        """Give what the templates read."""
        return present(self.state, self._shown, self._aspects, may_act=may_act, lens=self._lens)

    def close(self) -> None:
        """Stop following."""
        self._task.cancel()
        if self._flushing is not None:
            self._flushing.cancel()

    async def _pump(self) -> None:
        try:
            async for facts in follow(self._whole.id, self._whole.seq, past_end=True):
                self._take(facts)
        except Exception:
            log.exception("a run can no longer be followed here", extra=carrying(run=self._whole.id))

    def _take(self, facts: list[Fact]) -> None:
        """Take in what happened, and tell it at once, unless it is text of many at a time."""
        if self._touched is None:
            self._touched, self._found_before = Touched(), self._found()
        for fact in facts:
            self._whole.apply(fact.seq, fact.kind, fact.data)
            self._touched.add(fact)
        wait_s = self._flushed_at + self._pace_s() - time.monotonic() if self._touched.only_text else 0.0
        if wait_s <= 0:
            self.flush()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(wait_s, self.flush)

    def _pace_s(self) -> float:
        """Give the least time between two frames of nothing but text: the longer, the more there are who write."""
        writing = sum(1 for answer in self._whole.answers.values() if not answer.outcome)
        return 0.0 if writing <= UNHURRIED else PACE_S * writing

    def flush(self) -> None:
        """Tell what was held back."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        touched, self._touched = self._touched, None
        if touched is None:
            return
        self._flushed_at = time.monotonic()
        if self._lens:
            self.state = self._lens.state(self._whole)
            touched.narrow(self._lens)
        touched.found = self._found() != self._found_before
        touched.grown = self._render(touched.texts)
        if touched.is_growth:
            self._offer(growth(self._shown, touched), self.listeners)
            return
        for may_act in {listener.may_act for listener in self.listeners}:
            frame = fragments(self.view(may_act=may_act), self._shown, touched)
            self._offer(frame, [each for each in self.listeners if each.may_act is may_act])

    def _offer(self, frame: str, listeners: Iterable[Listener]) -> None:
        """Send what there is to show; that something else has happened is not told."""
        for listener in listeners if frame else ():
            listener.offer(frame)

    def _found(self) -> dict[str, Any] | None:
        judging = self.state.judging
        return found_by(judging) if judging else None

    def _shown_keys(self) -> set[str]:
        return {*self.state.answers, "fused"}

    def _render(self, keys: Iterable[str]) -> dict[str, int | None]:
        """Render what is new of these texts; gives how many blocks of each were there before."""
        return {key: self._show(key) for key in keys if key in self.state.answers or self.state.fused}

    def _show(self, key: str) -> int | None:
        text = self._shown.setdefault(key, ShownText.of(self.state.answers.get(key)))
        if key == "fused":
            fused = self.state.fused
            assert fused is not None
            return text.show(fused.text, version=fused.version, is_closed=fused.finished)
        answer = self.state.answers[key]
        return text.show(answer.text, version=answer.attempt, is_closed=bool(answer.outcome))


_live: dict[tuple[str, Lens | None], LiveRun] = {}


async def watch(run_id: str, *, may_act: bool, lens: Lens | None = None) -> Listener:
    """Join the listeners of a run, or of what a lens shows of it; raises Run.DoesNotExist. Leave again by `leave`."""
    live = _live.get((run_id, lens))
    if live is None:
        state, aspects = await query_patiently(_loaded, run_id)
        # Somebody else may have loaded it meanwhile.
        live = _live.get((run_id, lens)) or LiveRun(state, aspects, lens)
        _live[run_id, lens] = live
    listener = Listener(live, may_act=may_act)
    live.listeners.add(listener)
    LISTENERS.labels("page").inc()
    return listener


def leave(run_id: str, listener: Listener, lens: Lens | None = None) -> None:
    """Leave; the last listener to go ends the following."""
    live = _live.get((run_id, lens))
    if live is None or listener not in live.listeners:
        return
    live.listeners.discard(listener)
    LISTENERS.labels("page").dec()
    if not live.listeners:
        live.close()
        del _live[run_id, lens]


def _loaded(run_id: str) -> tuple[RunState, dict[int, str]]:
    return load_state(run_id), aspects_of(Run.every.only("settings").get(pk=run_id))


def aspects_of(run: Run) -> dict[int, str]:
    """Give each member's aspect, by its index in the pool."""
    return {member["index"]: member["aspect"] for member in run.settings["members"]}


def page_view(run: Run, *, may_act: bool, lens: Lens | None = None) -> dict[str, Any]:
    """Give what the run's page shows when it is first opened, from rows alone; with a lens, what that shows of it."""
    whole = load_state(run.pk)
    state = lens.state(whole) if lens else whole
    shown = {key: ShownText.of(state.answers.get(key)) for key in (*state.answers, "fused")}
    for key, answer in state.answers.items():
        shown[key].show(answer.text, version=answer.attempt, is_closed=bool(answer.outcome))
    if state.fused is not None:
        shown["fused"].show(state.fused.text, version=state.fused.version, is_closed=state.fused.finished)
    return present(state, shown, aspects_of(run), may_act=may_act, lens=lens)
