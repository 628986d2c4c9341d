"""Somebody of a team says something about a run, says it otherwise, or takes it back."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership
from fusion_site.pools.reading import Reading
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.models import Comment

LONGEST = 10_000


def add_comment(by: Membership, run: Run, given: Mapping[str, object]) -> Comment:
    """Keep a comment on a run that this person may see; raises Invalid."""
    text = _text(given)
    with transaction.atomic():
        comment = Comment.objects.create(run=run, person=by.user, text=text)
        record(run.team, "comment.added", comment, by=by, name="", run=run.pk)
    return comment


def edit_comment(by: Membership, comment: Comment, given: Mapping[str, object]) -> Comment:
    """Put another text in its place; raises Invalid. Whose it is is the caller's to know."""
    comment.text, comment.edited_at = _text(given), timezone.now()
    with transaction.atomic():
        comment.save(update_fields=["text", "edited_at"])
        record(comment.run.team, "comment.edited", comment, by=by, name="", run=comment.run_id)
    return comment


def delete_comment(by: Membership, comment: Comment) -> None:
    """Take it back."""
    with transaction.atomic():
        record(comment.run.team, "comment.deleted", comment, by=by, name="", run=comment.run_id)
        comment.delete()


def _text(given: Mapping[str, object]) -> str:
    reading = Reading(given)
    reading.only(("text",))
    text = reading.text("text", longest=LONGEST, required=True).strip()
    reading.finish()
    return text
