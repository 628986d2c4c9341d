"""What a run's page says of a person's choice: that it waits for one, that one may be made, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fusion_site.pages.markdown import plain_words
from fusion_site.runs.saying import usable_firsts
from fusion_site.runs.state import RunState

WAITS = "Waits for a choice"
WAITS_FOR_YOU = "Waits for you"
# What came of a tick, by its list and by whether it was heeded.
_CAME_OF_IT = {
    ("keep", True): "found",
    ("keep", False): "not found in these words",
    ("drop", True): "not there",
    ("drop", False): "still there",
}


def guide_view(state: RunState, *, may_act: bool) -> dict[str, Any] | None:
    """Give how the choice is offered on the run's page; None where it is not."""
    if state.waits_until is not None:
        return {"waits_until": datetime.fromisoformat(state.waits_until)} if may_act else None
    is_over = may_act and not state.is_open and len(usable_firsts(state)) > 1
    return {"waits_until": None} if is_over else None


def choice_view(guidance: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give what was chosen before a version of the fused answer was made, in the words of its page."""
    if guidance is None or not (guidance["keep"] or guidance["drop"]):
        return None
    return {name: [_tick(name, tick) for tick in guidance[name]] for name in ("keep", "drop")}


def _tick(name: str, tick: dict[str, Any]) -> dict[str, Any]:
    heeded: bool | None = tick.get("heeded")
    return {
        # The marks of markdown are for the merger, not for the eye.
        "topic": plain_words(tick["text"]) if tick["stance"] else "",
        "text": plain_words(tick["stance"] or tick["text"]),
        "is_heeded": heeded,
        "came_of_it": "" if heeded is None else _CAME_OF_IT[name, heeded],
    }
