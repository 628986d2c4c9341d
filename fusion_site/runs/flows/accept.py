"""Storing a run with everything that it will use: from then on it is never lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fusion_site.accounts.ids import new_id
from fusion_site.engine.settings import FusionSettings
from fusion_site.pools.flows.note_use import note_use
from fusion_site.pools.models import Connection
from fusion_site.runs.attached.keeping import own_pictures, unseen_by
from fusion_site.runs.flows.enclose import enclose
from fusion_site.runs.frozen import settings_to_json, thread_to_json
from fusion_site.runs.models import Answer, Conversation, Event, Run
from fusion_site.runs.shapes import answer_json
from fusion_site.runs.threads import thread_ids


def accept(settings: FusionSettings, **fields: Any) -> Run:
    """Store a run of these settings with its first event; `fields` are the others of its row. The caller has a transaction open."""
    judge = settings.judge.model.connection
    kinds = Connection.objects.in_bulk({judge, *(m.model.connection for m in settings.members)})
    note_use(kinds)
    scripted = [kinds[m.model.connection].is_rehearsal for m in settings.members]
    run = Run.objects.create(
        id=new_id(),
        mode=settings.mode.value,
        prompt=settings.question,
        settings=settings_to_json(settings),
        rehearsal=any(scripted) or kinds[judge].is_rehearsal,
        seq=1,
        **fields,
    )
    enclose(run, settings.pictures)
    if run.history:
        Conversation.objects.create(run=run, thread=thread_to_json(settings.thread))
    answers = Answer.objects.bulk_create(
        Answer(run=run, member=m.index, label=m.label, model=m.model.model, rehearsal=is_scripted)
        for m, is_scripted in zip(settings.members, scripted, strict=True)
    )
    Event.objects.create(run=run, seq=1, kind="run.accepted", data=_accepted(run, answers))
    return run


def _accepted(run: Run, answers: Sequence[Answer]) -> dict[str, object]:
    return {
        "run": run.pk,
        "at": run.created_at.isoformat(),
        "mode": run.mode,
        "prompt": run.prompt,
        "title": run.title,
        "preset": run.preset_id,
        "preset_name": run.preset_name,
        "pinned": run.pinned,
        "rehearsal": run.rehearsal,
        "guided": run.settings["guided"],
        "pictures": own_pictures(run),
        "unseen_by": unseen_by(run.settings),
        "answers": [answer_json(answer) for answer in answers],
        "after": run.after_id,
        "history": run.history or None,
        "thread": thread_ids(run),
        "left_out": run.thread.get("left_out", []),
        "stand_ins": run.thread.get("stand_ins", []),
    }
