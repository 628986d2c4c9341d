"""Pictures, each kept once per team; which run has which; and what somebody is writing but has not asked yet."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.accounts.models import Team

LONGEST_NAME = 120


class Picture(models.Model):
    """The bytes of a picture that was verified. A team has the same one once, by its `sha256` in hex; `kind` is its media type.

    One that neither a run nor a draft has goes after a while.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=10)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    data = models.BinaryField()
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        """The same bytes are kept once for each team."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["team", "sha256"], name="one_row_per_team_and_picture")
        ]


class RunPicture(models.Model):
    """A run's right to a picture: it was asked with it, or an earlier turn of its thread was."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="run_pictures")
    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="run_pictures")

    class Meta:
        """A run has a picture once, however often it is shown."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "picture"], name="one_row_per_run_and_picture")
        ]


class Draft(models.Model):
    """What one person is writing in one team, `fields` as the form sends them: `{name: [values]}`.

    `tab` is the page that wrote last; `version` counts the writes, so that another page sees that it has been overtaken.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tab = models.CharField(max_length=ID_LENGTH)
    version = models.PositiveIntegerField(default=1)
    fields = models.JSONField(default=dict)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Newest first; a page writes one draft."""

        ordering: ClassVar[list[str]] = ["-saved_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["team", "person", "tab"], name="one_draft_per_page")
        ]


class DraftFile(models.Model):
    """A file that goes with a draft: a `picture`, or else `text`."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="files")
    place = models.PositiveIntegerField()
    name = models.CharField(max_length=LONGEST_NAME)
    text = models.TextField(blank=True)
    picture = models.ForeignKey(Picture, null=True, on_delete=models.CASCADE, related_name="draft_files")

    class Meta:
        """In the order in which they were added."""

        ordering: ClassVar[list[str]] = ["place", "id"]
