"""Where a team wants to be told that a run has ended, and what is still to be told or was."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.accounts.models import Team
from fusion_site.runs.models import Run


class Hook(models.Model):
    """An address that is told of the ends of a team's runs, and with which of their texts; `sealed_secret` signs it.

    `failing_since` is when the first send failed after which none was taken. Where the site itself turned it off,
    `off_because` says why.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="hooks")
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=500)
    sealed_secret = models.TextField(editable=False)
    with_prompt = models.BooleanField(default=False)
    with_answer = models.BooleanField(default=False)
    is_on = models.BooleanField(default=True)
    off_because = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Shown in alphabetical order."""

        ordering: ClassVar[list[str]] = ["name", "id"]

    def __str__(self) -> str:
        """Read as the name: an address may hold a secret."""
        return self.name

    @property
    def old_secret_until(self) -> datetime | None:
        """Until when it is signed with a secret from before as well; None where with its own alone."""
        now = timezone.now()
        return max((old.until for old in self.old_secrets.all() if old.until > now), default=None)


class OldSecret(models.Model):
    """A secret that a hook had before: what it is told is signed with that as well, `until` then."""

    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="old_secrets")
    sealed_secret = models.TextField(editable=False)
    until = models.DateTimeField(db_index=True)

    class Meta:
        """The newest first."""

        ordering: ClassVar[list[str]] = ["-until", "-pk"]

    def __str__(self) -> str:
        """Read as until when it is used: what it is is secret."""
        return f"until {self.until:%Y-%m-%d %H:%M}"


class Outcome(models.TextChoices):
    """What came of a delivery; none yet while it is to be sent."""

    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(models.Model):
    """One end of a run to be told to one hook; without a run, a test. `due_at` is None once there is an `outcome`.

    While it is being sent, `due_at` is when it is sent anew if nothing is heard of that any more. `status` is the
    receiver's last HTTP status, `error` why the last attempt failed.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="deliveries")
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)

    class Meta:
        """Newest first; what is due is found without a scan."""

        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="hooks_due"),
            models.Index(fields=["hook", "-created_at", "-id"], name="hooks_deliveries"),
            models.Index(fields=["created_at"], name="hooks_old"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["hook", "run"], name="one_delivery_per_hook_and_run")
        ]

    @property
    def message_id(self) -> str:
        """The same at every attempt, so that a receiver can tell what it has had."""
        return f"msg_{self.pk}"

    @property
    def type(self) -> str:
        """What the receiver is told has happened."""
        return "run.finished" if self.run_id else "test"
