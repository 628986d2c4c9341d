"""The rows of the audit trail: added by `audit.record`, changed by nobody."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils import timezone


class Door(models.TextChoices):
    """By which way a change came."""

    PAGE = "page", "page"
    TOKEN = "token", "API token"
    COMMAND = "command", "command line"
    SITE = "site", "the site itself"


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Rows that are added and read."""

    def update(self, **fields: Any) -> NoReturn:
        """Refuse; the database refuses it as well."""
        raise TypeError("the audit trail is not changed")

    def delete(self) -> NoReturn:
        """Refuse; entries go with their team only."""
        raise TypeError("the audit trail is not shortened")


class AuditEntry(models.Model):
    """One thing that was done in a team; `audit.record` writes it and nobody changes it.

    Who and what are kept as text, for they may be gone when the entry is read. `kind` is the first word of `action`;
    `digest` chains it to the entry before it.
    """

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="audit")
    at = models.DateTimeField(default=timezone.now)
    person = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=254, blank=True)
    door = models.CharField(max_length=8)
    token = models.CharField(max_length=12, blank=True)
    address = models.CharField(max_length=45, blank=True)
    kind = models.CharField(max_length=16)
    action = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    objects = AppendOnly.as_manager()

    class Meta:
        """Newest first; read by team, and within it by kind or by person."""

        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["team", "-id"], name="audit_of_team"),
            models.Index(fields=["team", "kind", "-id"], name="audit_of_kind"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add it; raises TypeError where it is there already."""
        if not self._state.adding:
            raise TypeError("the audit trail is not changed")
        super().save(*args, **kwargs)

    @property
    def said(self) -> str:
        """What was done, in words: `pool changed`."""
        return self.action.replace(".", " ").replace("_", " ")

    @property
    def door_said(self) -> str:
        """By which way it came, in words."""
        return str(Door(self.door).label)
