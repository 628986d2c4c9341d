"""The timeline of a run as its page draws it: shares of its length in percent, and the same in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import signed_in
from fusion_site.pages.figures import duration
from fusion_site.pages.words import outcome_word
from fusion_site.runs.access import found_run
from fusion_site.runs.models import Run
from fusion_site.runs.timeline import Lane, Pass, Span, timeline_of
from fusion_site.runs.titles import titled

# What is going on gets so much room to grow, as a share of what has been, before the chart is drawn anew.
ROOM = 0.3
LEAST_ROOM_S = 4.0
_WORDS = {
    "queue": "in the queue",
    "wait": "until the first word",
    "write": "writing",
    "retry": "before trying again",
    "judge": "",
    "fuse": "",
    "choice": "waited for",
}
# Lengths between two lines of the scale, in seconds.
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
MOST_LINES = 5


@signed_in
@require_GET
def timeline(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show what waited for what: as a part of the run's page where htmx asks for it, else as a page of its own."""
    run = found_run(request.user, run_id)
    context = {"run": run, "title": titled(run), "timeline": timeline_view(run)}
    is_part = bool(getattr(request, "htmx", False))
    return render(request, "runs/_timeline.html" if is_part else "runs/timeline.html", context)


def timeline_view(run: Run) -> dict[str, Any]:
    """Give what the timeline's template reads; `again_s` is when a chart that grows has to be drawn anew."""
    passes = timeline_of(run)
    live = passes[-1] if passes and run.is_open else None
    left = _room(live) if live else 0.0
    drawn = [_drawn(each, left if each is live else 0.0) for each in passes]
    return {"run": run.pk, "passes": drawn[::-1], "again_s": max(1, round(left)) if live else None}


def _room(one: Pass) -> float:
    return max(LEAST_ROOM_S, (one.until() - one.begins).total_seconds() * ROOM)


def _drawn(one: Pass, room_s: float) -> dict[str, Any]:
    scale = _Scale(one, room_s)
    return {
        "begins": one.begins,
        "took": "" if one.ends is None else duration(scale.ms(one.ends)),
        "lines": scale.lines(),
        "room_s": f"{room_s:.1f}s",
        "quorum": scale.mark(one.quorum),
        "grace": scale.mark(one.grace),
        "band": scale.width(one.quorum, one.grace) if one.quorum and one.grace else "",
        "lanes": [_lane(lane, scale) for lane in one.lanes],
    }


class _Scale:
    """Turns moments into shares of a pass."""

    def __init__(self, one: Pass, room_s: float) -> None:
        self._begins, self.now = one.begins, one.until()
        self.length_s = max((self.now - one.begins).total_seconds() + room_s, 0.05)

    def share(self, at: datetime) -> float:
        return min(1.0, max(0.0, (at - self._begins).total_seconds() / self.length_s))

    def at(self, at: datetime) -> str:
        return _percent(self.share(at))

    def width(self, begins: datetime, ends: datetime) -> str:
        return _percent(max(0.0, self.share(ends) - self.share(begins)))

    def ms(self, at: datetime) -> float:
        return (at - self._begins).total_seconds() * 1000

    def mark(self, at: datetime | None) -> dict[str, str] | None:
        return None if at is None else {"x": self.at(at), "words": duration(self.ms(at))}

    def lines(self) -> list[dict[str, str]]:
        step = next((s for s in _STEPS if self.length_s / s <= MOST_LINES), self.length_s / MOST_LINES)
        count = int(self.length_s / step)
        return [
            {"x": _percent(n * step / self.length_s), "words": duration(n * step * 1000)}
            for n in range(1, count + 1)
            if n * step / self.length_s < 0.97
        ]


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"


def _lane(lane: Lane, scale: _Scale) -> dict[str, Any]:
    first, last = lane.spans[0], lane.spans[-1]
    return {
        "name": lane.name,
        "state": outcome_word(lane.outcome) if lane.outcome else "going on",
        "begins": duration(scale.ms(first.begins)),
        "took": duration(scale.ms(last.ends) - scale.ms(first.begins)) if last.ends else "",
        "words": ", ".join(_words(span) for span in lane.spans if span.ends and _WORDS[span.kind]),
        "spans": [_span(span, scale) for span in lane.spans],
    }


def _words(span: Span) -> str:
    assert span.ends is not None
    return f"{duration((span.ends - span.begins).total_seconds() * 1000)} {_WORDS[span.kind]}"


def _span(span: Span, scale: _Scale) -> dict[str, Any]:
    """Give a bar; one that goes on `grows` from what it is now to the end of the chart."""
    ends = span.ends or scale.now
    return {
        "kind": span.kind,
        "x": scale.at(span.begins),
        "width": scale.width(span.begins, ends),
        "grows": None
        if span.ends
        else {"x": scale.at(scale.now), "to": _percent(1 - scale.share(scale.now))},
    }
