"""What a hook is told: the same at every attempt, and no text of a run unless the team has chosen so."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.urls import reverse

from fusion_site.runs.hooks.models import Delivery
from fusion_site.runs.models import Event, Fusion, Run


def body_of(delivery: Delivery) -> bytes | None:
    """Give the body to be sent, as JSON: `{type, timestamp, data}`; None where the run was deleted for good meanwhile."""
    if delivery.run_id is None:
        return orjson.dumps(_told(delivery, delivery.created_at.isoformat(), {"webhook": delivery.hook.name}))
    run = Run.every.get(pk=delivery.run_id)
    end = Event.objects.filter(run=run, kind="run.finished").values_list("data", flat=True).first()
    if end is None:
        return None
    return orjson.dumps(_told(delivery, end["at"], {**_facts(run, end), **_texts(delivery, run)}))


def _told(delivery: Delivery, at: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": delivery.type, "timestamp": at, "data": data}


def _facts(run: Run, end: dict[str, Any]) -> dict[str, Any]:
    """Give the run as it was at that end: a later pass may have moved its row on."""
    return {
        "id": run.pk,
        "url": settings.FUSION_URL + reverse("run", args=[run.pk]),
        "state": end["state"],
        "message": end["message"],
        "mode": run.mode,
        "preset": run.preset_id,
        "preset_name": run.preset_name,
        "rehearsal": run.rehearsal,
        "cost_usd": end["cost_usd"],
        "cost_complete": end["cost_complete"],
        "created_at": run.created_at.isoformat(),
        "finished_at": end["finished_at"],
    }


def _texts(delivery: Delivery, run: Run) -> dict[str, Any]:
    """Give the texts that the hook is told; of a run that was deleted meanwhile none."""
    hook, told = delivery.hook, run.deleted_at is None
    texts: dict[str, Any] = {}
    if hook.with_prompt:
        texts["prompt"] = run.prompt if told else None
    if hook.with_answer:
        fused = Fusion.objects.filter(run=run, finished=True).first() if told else None
        texts["fused"] = {"text": fused.text, "source": fused.source} if fused else None
    return texts
