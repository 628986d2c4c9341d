"""Links by which a run is shown to people without a place in its team, and what the team says about a run."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.runs.live.lens import Lens, Part
from fusion_site.runs.models import Run


class Share(models.Model):
    """An unlisted address of one run. Only the hash of its token is stored, and `hint` shows how the token ends.

    `parts` are those of `Part` that it shows. With `voting`, visitors may vote, and see no names before. Tries of the
    password push `tried_until` on, in seconds since 1970; see flows.unlock.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shares")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="shares"
    )
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)
    parts = models.JSONField(default=list)
    with_comments = models.BooleanField(default=False)
    voting = models.BooleanField(default=False)
    password = models.CharField(max_length=160, blank=True)
    tried_until = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    views = models.PositiveIntegerField(default=0)
    last_viewed_at = models.DateTimeField(null=True)

    class Meta:
        """Newest first."""

        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        """Read as the end of its token."""
        return f"link …{self.hint}"

    @staticmethod
    def digest_of(token: str) -> str:
        """Give what is stored of a token (SHA-256 in hex; it has 256 random bits, so no salt is needed)."""
        return hashlib.sha256(token.encode(errors="replace")).hexdigest()

    @property
    def lens(self) -> Lens:
        """Give what it shows of the run."""
        return Lens(frozenset(Part(part) for part in self.parts))


class Comment(models.Model):
    """What somebody of the team says about a run, as plain text."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="comments")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comments")
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)

    class Meta:
        """Oldest first."""

        ordering: ClassVar[list[str]] = ["created_at", "id"]

    def __str__(self) -> str:
        """Read as how it begins; the trail needs no more."""
        return self.text[:40]
