"""Going on with a run that is over: one of its answers is asked for again, or what there is now is fused once more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction

from fusion_site.engine.again import stand_now
from fusion_site.engine.fusing import NOTHING_USABLE
from fusion_site.engine.results import Source
from fusion_site.ops.draining import refuse_while_draining
from fusion_site.runs.flows.reopening import NotNow, held, opened
from fusion_site.runs.frozen import settings_of
from fusion_site.runs.models import Again, Answer, Run
from fusion_site.runs.resuming import resume_of

BEING_WRITTEN = "This answer is still being written."
NOT_FIRST = "Only first answers can be asked for again, not what was said in a debate."


@transaction.atomic
def fuse_run_again(run: Run) -> Run:
    """Have the answers that there are now fused as a further version, by the run's own settings.

    Raises NotNow, LimitReached, Invalid (where nobody knows what it may cost, and the team has a budget) or Draining.
    """
    refuse_while_draining()
    run = held(run)
    settings = settings_of(run)
    if not stand_now(settings, resume_of(run)):
        raise NotNow(NOTHING_USABLE)
    judge_anew_after_failure(run)
    return opened(run, settings, Again.FUSE)


def judge_anew_after_failure(run: Run) -> None:
    """Have what the judge could not do for the newest version asked of it again, not read again."""
    newest = run.fusions.exclude(source=Source.CHOSEN).last()
    if newest is not None and newest.source == Source.FALLBACK:
        run.steps.update(is_replaced=True)


@transaction.atomic
def retry_answer(answer: Answer) -> Run:
    """Have one member asked again for its first answer; where the run has no fused answer yet, it gets one. Raises as above."""
    refuse_while_draining()
    if Answer.objects.filter(pk=answer.pk, outcome="").exists():
        raise NotNow(BEING_WRITTEN)
    run = held(answer.run)
    row = run.answers.get(pk=answer.pk)
    if row.round:
        raise NotNow(NOT_FIRST)
    _forget(row, **_UNSAID)
    again = ("answer.reopened", {"answer": row.pk})
    return opened(run, settings_of(run), Again.RETRY, [row], again)


_UNSAID: dict[str, Any] = {
    "text": "",
    "reasoning": "",
    "error": None,
    "usage": {},
    "served_model": "",
    "provider": "",
    "unconfirmed": False,
    "first_token_ms": None,
    "total_ms": None,
    "cancel_requested": False,
}


def _forget(row: Answer, **fields: Any) -> None:
    """Have an answer asked for anew. What it cost is settled; where a part of that is unknown, it stays so."""
    if row.cost_usd is not None:
        row.paid_usd = (row.paid_usd or Decimal(0)) + row.cost_usd
        row.paid_attempts = row.attempt if row.attempt - row.paid_attempts <= 1 else row.paid_attempts
    fields |= {"outcome": "", "cost_usd": None, "generation_id": ""}
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=["paid_usd", "paid_attempts", *fields])
