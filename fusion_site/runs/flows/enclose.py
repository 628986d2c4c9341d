"""Pictures are kept: once per team, and with every run that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from fusion_site.accounts.models import Team
from fusion_site.engine.asking import Picture as Shown
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.attached.models import Picture, RunPicture
from fusion_site.runs.models import Run

# How long a picture stays that nothing refers to: a page may have been about to.
UNUSED_FOR = timedelta(hours=1)
_AT_ONCE = 50


def keep_picture(team: Team, picture: Shown) -> Picture:
    """Give the team's row of a picture that was read, made if need be."""
    row, is_new = Picture.objects.get_or_create(
        team=team,
        sha256=picture.sha256,
        defaults={
            "kind": picture.kind,
            "width": picture.width,
            "height": picture.height,
            "size": len(picture.data),
            "data": picture.data,
        },
    )
    if not is_new:
        Picture.objects.filter(pk=row.pk).update(used_at=timezone.now())
    return row


def enclose(run: Run, pictures: Sequence[Shown]) -> None:
    """Have a run keep these pictures, those of its thread too. Raises Invalid where one is gone that has no bytes here."""
    if not pictures:
        return
    for picture in pictures:
        if picture.data:
            keep_picture(run.team, picture)
    rows = Picture.objects.filter(team=run.team_id, sha256__in={p.sha256 for p in pictures})
    found = list(rows.only("pk", "sha256"))
    kept = {row.sha256 for row in found}
    if gone := next((each for each in pictures if each.sha256 not in kept), None):
        raise Invalid({"pictures": [f"“{gone.name}” is no longer kept. Add it again."]})
    RunPicture.objects.bulk_create(RunPicture(run=run, picture=row) for row in found)


def forget_pictures(now: datetime) -> int:
    """Remove some pictures that neither a run nor a draft has any more; gives how many."""
    unused = Picture.objects.filter(run_pictures=None, draft_files=None, used_at__lt=now - UNUSED_FOR)
    found = list(unused.values_list("pk", flat=True)[:_AT_ONCE])
    # Asked again: one may have come into use in between.
    Picture.objects.filter(pk__in=found, run_pictures=None, draft_files=None).delete()
    return len(found)
