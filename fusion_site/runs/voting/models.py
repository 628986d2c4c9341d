"""Votes on what the members of a run wrote."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fusion_site.runs.models import Run


class Vote(models.Model):
    """One voter's choice in one run. `person` is empty for a visitor of a link.

    `voter` names who votes, once per run: a person, or a link and a random id of that visitor. `choice` is the key of the
    candidate, an answer's id or `fused`; empty is a tie. `ballot` lists what could be chosen: `{key, edition, model}`,
    where an edition counts how often an answer was asked for, or the version of the fused answer.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="votes")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="votes"
    )
    voter = models.CharField(max_length=100)
    choice = models.CharField(max_length=30, blank=True)
    note = models.TextField(blank=True)
    ballot = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        """Oldest first; everybody votes once in a run."""

        ordering: ClassVar[list[str]] = ["created_at", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "voter"], name="one_vote_per_voter_and_run")
        ]
