"""A run in its thread, as its page shows it: the turns before it, and the box in which it is followed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, QuerySet

from fusion_site.engine.sight import pictures_in
from fusion_site.engine.turns import History, Turn
from fusion_site.pools.models import Preset
from fusion_site.runs.frozen import thread_from_json
from fusion_site.runs.live.presenting import preset_words
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.models import Run
from fusion_site.runs.thread_words import CHOICES, choice_name
from fusion_site.runs.titles import title_of, titled

# So many of the turns before a run stand open on its page; older ones are folded, and read when they are opened.
OPEN_TURNS = 2


def thread_view(run: Run) -> dict[str, Any]:
    """Give the turns before a run, as they were when it was frozen with them; empty where there are none."""
    if not run.history:
        return {}
    ids, said = run.thread["earlier"], frozen_turns(run)
    rows = Run.objects.defer("settings", "verdict").in_bulk(ids)
    turns = [
        {"place": place, "is_kept": place in said, **_linked(rows[run_id])}
        for place, run_id in enumerate(ids, start=1)
        if run_id in rows
    ]
    for turn in turns[-OPEN_TURNS:]:
        turn |= turn_view(said[turn["place"]]) if turn["is_kept"] else {}
    return {"older": turns[:-OPEN_TURNS], "newest": turns[-OPEN_TURNS:]}


def frozen_turns(run: Run) -> dict[int, Turn]:
    """Give what was said before a run, by the turn's place in the thread from 1; the oldest may not have been kept."""
    turns = thread_from_json(run.conversation.thread).turns if run.history else ()
    return dict(enumerate(turns, start=len(run.thread.get("earlier", [])) - len(turns) + 1))


def turn_view(turn: Turn) -> dict[str, Any]:
    """Give one turn's fused answer, rendered, and its prompt where its title does not say all of it."""
    prompt = turn.asked[-1].content
    text = ShownText()
    text.show(turn.fused, version=1, is_closed=True)
    more = "" if prompt == title_of(prompt) else prompt
    pictures = [picture.name for picture in pictures_in(turn.asked)]
    return {"prompt": more, "pictures": pictures, "blocks": text.blocks, "is_read": True}


def _linked(run: Run) -> dict[str, Any]:
    return {
        "id": run.pk,
        "title": titled(run),
        "state": run.state,
        "preset_name": preset_words(run.preset_name),
        "created_at": run.created_at,
        "choice": choice_name(run.history) if run.history else "",
    }


def follow_form(
    run: Run, posted: Mapping[str, Any], errors: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """Give the box in which a run is followed up: its follow-ups so far, what was typed, and what is wrong with that."""
    later = run.follow_ups.defer("settings", "verdict").order_by("created_at", "id")
    wanted = str(posted.get("preset") or run.preset_id or "")
    history = str(posted.get("history") or History.FUSED)
    presets = [
        {"id": row.pk, "name": row.name, "members": row.places, "is_chosen": row.pk == wanted}
        for row in presets_for(run).annotate(places=Count("pool__members"))
    ]
    return {
        "run": run.pk,
        "later": [_linked(each) for each in later],
        "prompt": posted.get("prompt", ""),
        "presets": presets,
        "members": next((preset["members"] for preset in presets if preset["is_chosen"]), None),
        "choices": [
            {"value": choice.value, "name": name, "words": words, "is_chosen": choice == history}
            for choice, (name, words) in CHOICES.items()
        ],
        "errors": {name: texts for name, texts in (errors or {}).items() if name in _FIELDS},
        "general": [text for name, texts in (errors or {}).items() if name not in _FIELDS for text in texts],
    }


_FIELDS = {"prompt", "preset", "history"}


def presets_for(run: Run) -> QuerySet[Preset]:
    """Give the presets by which a run may be followed up."""
    return Preset.objects.filter(team=run.team_id).select_related("judge__connection", "pool")
