"""A link is followed."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from fusion_site.runs.sharing.models import Share


def note_view(share: Share) -> None:
    """Count one opening of the page."""
    Share.objects.filter(pk=share.pk).update(views=F("views") + 1, last_viewed_at=timezone.now())
