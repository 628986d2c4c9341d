"""A person takes one answer in place of the fused one, and takes that back. Nothing is asked for it, and nothing costs."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from fusion_site.engine.debating import choice_in
from fusion_site.engine.results import Source
from fusion_site.runs.bell import ring_after_commit
from fusion_site.runs.flows.reopening import NotNow, Said, held
from fusion_site.runs.missing import missing_from
from fusion_site.runs.models import Answer, Event, Fusion, Run
from fusion_site.runs.shapes import money

NO_TEXT = "There is nothing in this answer that could be used."
NOTHING_YET = "There is no fused answer yet, so nothing that it could stand in place of."
SAME_ALREADY = "The fused answer is this one already, word for word."
NOT_CHOSEN = "Only a version that somebody chose by hand can be taken back, and only the newest one."

Json = dict[str, Any]


@transaction.atomic
def use_answer(answer: Answer) -> Run:
    """Make one answer, word for word, the next version of its run's fused answer. Raises NotNow."""
    run = held(answer.run)
    row, before = run.answers.get(pk=answer.pk), run.fusions.filter(finished=True).last()
    text = usable_text(row.round, row.outcome, row.text)
    if before is None or not text:
        raise NotNow(NO_TEXT if before else NOTHING_YET)
    if text.strip() == before.text.strip():
        raise NotNow(SAME_ALREADY)
    newest = run.fusions.last()
    assert newest is not None
    made = _stored(run, newest.version + 1, before, row, text)
    for step in run.steps.all():
        if before.version in step.versions:
            step.versions = [*step.versions, made.version]
            step.save(update_fields=["versions"])
    return _told(run, made.version, "chosen", _facts(made, before))


def usable_text(number: int, outcome: str, text: str) -> str:
    """Give what an answer of round `number` says: in a debate, what stands behind its choice; nothing if it cannot be used."""
    if outcome not in {"complete", "truncated"}:
        return ""
    if not number:
        return text if text.strip() else ""
    choice = choice_in(text)
    return choice.text if choice.counts else ""


@transaction.atomic
def take_back(run: Run, version: int) -> Run:
    """Take back the newest version, which somebody chose by hand: the one before it is shown again. Raises NotNow."""
    run = held(run)
    newest = run.fusions.last()
    if newest is None or newest.version != version or newest.source != Source.CHOSEN:
        raise NotNow(NOT_CHOSEN)
    newest.delete()
    for step in run.steps.all():
        if version in step.versions:
            step.versions = [each for each in step.versions if each != version]
            step.save(update_fields=["versions"])
    return _told(run, version, "taken_back", [("fused.withdrawn", {"version": version})])


def _stored(run: Run, version: int, before: Fusion, answer: Answer, text: str) -> Fusion:
    begin = answer.text.index(text)
    whole = {"offset": 0, "length": len(text)}
    said = {
        "answer": answer.pk,
        "attempt": answer.attempt,
        "offset": begin,
        "length": len(text),
        "score": 1.0,
    }
    return Fusion.objects.create(
        run=run,
        version=version,
        source=Source.CHOSEN,
        text=text,
        answers=[answer.pk],
        missing=missing_from(run.answers.all(), [answer.pk], []),
        verdict=before.verdict,
        provenance={
            "sentences": [{**whole, "from": [said]}],
            "judge_only": [],
            "dropped": [],
            "clipped": False,
        },
        finished=True,
    )


def _facts(made: Fusion, before: Fusion) -> list[Said]:
    version = {"version": made.version}
    started: Json = {"from": made.answers, "source": made.source, "late": [], "note": "", "guidance": None}
    assert made.provenance is not None
    return [
        ("fused.started", {**version, **started, "instead_of": before.version}),
        ("fused.delta", {**version, "offset": 0, "text": made.text}),
        ("fused.finished", version),
        ("fused.provenance", {**version, **made.provenance}),
    ]


def _told(run: Run, version: int, reason: str, facts: list[Said]) -> Run:
    """Store a whole pass at once: that it began, what came of it, and that it is over."""
    now = timezone.now()
    end: Json = {"reason": reason, "state": run.state, "message": run.message, "finished_at": now.isoformat()}
    end |= {"cost_usd": money(run.cost_usd), "cost_complete": run.cost_complete}
    begin: Json = {"reason": reason, "answers": [], "version": version}
    common = {"run": run.pk, "at": now.isoformat()}
    all_facts = [("run.reopened", begin), *facts, ("run.updated", end)]
    events = [
        {"seq": seq, "kind": kind, "data": {**common, **data}}
        for seq, (kind, data) in enumerate(all_facts, start=run.seq + 1)
    ]
    Event.objects.bulk_create(Event(run=run, **event) for event in events)
    run.seq, run.finished_at, run.is_thinned = run.seq + len(events), now, False
    run.version = run.fusions.last().version  # type: ignore[union-attr]
    run.save(update_fields=["seq", "finished_at", "is_thinned", "version"])
    ring_after_commit(run.pk, events)
    return run
