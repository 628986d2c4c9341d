"""What a program sent beside what its run is frozen from is kept, to be told again with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_site.runs.models import Request, Run


def keep_request(run: Run, given: Mapping[str, Any]) -> None:
    """Keep it; of a run that was found again by its idempotency key, the first request counts."""
    Request.objects.get_or_create(run=run, defaults={"given": dict(given)})
