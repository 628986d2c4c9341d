"""What is finished of a run, from its rows: what the pass that is open need not ask for again."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fusion_site.engine.asking import AskError, ErrorKind, Outcome, Usage
from fusion_site.engine.events import FusedText, Resume
from fusion_site.engine.guidance import Guidance
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.runs.frozen import result_from_json
from fusion_site.runs.guidance import guidance_of
from fusion_site.runs.models import Again, Answer, Run, State, Step


def resume_of(run: Run) -> Resume:
    """Give what is finished: every answer and step, and of the fused answers the one of the run's newest pass."""
    answers, steps = list(run.answers.all()), list(run.steps.all())
    fusion = next((f for f in run.fusions.all() if f.finished and f.version == run.version), None)
    return Resume(
        answers=results_of(answers),
        steps={
            s.name: result_from_json(s.result) for s in steps if s.outcome and s.result and not s.is_replaced
        },
        verdict=run.verdict,
        fused=FusedText(fusion.version, Source(fusion.source), fusion.text) if fusion else None,
        paid_usd=_paid(answers, steps),
        **_compared(run),
        **_guided(run),
    )


def results_of(answers: Iterable[Answer]) -> dict[AnswerKey, AnswerResult]:
    """Give what came of those answers that are finished."""
    return {AnswerKey(a.round, a.member): _result(a) for a in answers if a.outcome}


def does_fuse(run: Run) -> bool:
    """Whether the later pass that is open makes a fused answer: if it is for that, and where there is none yet."""
    earlier = run.fusions.filter(finished=True, version__lt=run.version)
    return run.reopened == Again.FUSE or not earlier.exists()


def _compared(run: Run) -> dict[str, Any]:
    """Give what was being compared in this pass, and what was known of it by then, as the event said that began it."""
    if not run.reopened and run.state in (State.QUEUED, State.ANSWERING):
        return {}
    told = run.events.filter(kind__in=("verdict.started", "run.reopened")).last()
    if told is None or told.kind == "run.reopened":
        return {}
    keys = {a.pk: AnswerKey(a.round, a.member) for a in run.answers.all()}
    return {
        "compared": tuple(keys[answer] for answer in told.data["answers"]),
        "scored": tuple(keys[answer] for answer in told.data.get("scored", ())),
        "with_needs": told.data.get("with_needs", False),
        "arrived": tuple(keys[answer] for answer in told.data.get("arrived", ())),
    }


def _guided(run: Run) -> dict[str, Any]:
    """Give what a person chose, or how long they have left, once they were asked; of a time that is up, that."""
    if run.guidance is not None:
        return {"guidance": guidance_of(run)}
    if run.guided_until is None:
        return {}
    left_s = (run.guided_until - timezone.now()).total_seconds()
    return {"guidance_left_s": left_s} if left_s > 0 else {"guidance": Guidance(missed=True)}


def _paid(answers: Iterable[Answer], steps: Iterable[Step]) -> Decimal:
    """Give what has been paid for calls that are made anew."""
    costs = [answer.paid_usd for answer in answers] + [step.cost_usd for step in steps if step.is_replaced]
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def _result(row: Answer) -> AnswerResult:
    return AnswerResult(
        outcome=Outcome(row.outcome),
        text=row.text,
        reasoning=row.reasoning,
        error=_error(row.error) if row.error else None,
        usage=Usage(**row.usage),
        cost_usd=row.cost_usd,
        served_model=row.served_model or None,
        provider=row.provider or None,
        unconfirmed=row.unconfirmed,
        first_token_ms=row.first_token_ms,
        total_ms=row.total_ms,
        generation_id=row.generation_id or None,
    )


def _error(kept: dict[str, Any]) -> AskError:
    return AskError(ErrorKind(kept["kind"]), kept["message"], asked=kept.get("asked", True))
