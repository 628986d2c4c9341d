"""Stopping a run, or one answer of it. What was written stays."""

from __future__ import annotations

from django.db import transaction

from fusion_site.engine.results import AnswerKey
from fusion_site.runs.models import Answer, Run
from fusion_site.runs.queue import queue


@transaction.atomic
def cancel_run(run: Run) -> None:
    """Ask for a run to be stopped; whoever works on it drops its upstream connections within a second.

    A run that is over stays as it is.
    """
    wanted = Run.every.filter(pk=run.pk, is_open=True)
    if wanted.update(cancel_requested=True):
        queue().cancel(run.pk)
        if wanted.filter(is_paused=True).exists():
            # Nobody works on one that waits for a choice, so somebody has to take it up to end it.
            queue().submit(run.pk)


@transaction.atomic
def cancel_answer(answer: Answer) -> None:
    """Ask for one answer to be stopped; the others go on. One that has ended stays as it is."""
    wanted = Answer.objects.filter(pk=answer.pk, outcome="")
    if wanted.update(cancel_requested=True):
        queue().cancel_answer(answer.run_id, AnswerKey(answer.round, answer.member))
