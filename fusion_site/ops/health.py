"""Whether the process lives, and whether it can serve: two addresses for proxies, supervisors and scripts.

Both are open to anyone, so they name what is wrong and never why in the words of a driver, which may hold secrets.
"""

from __future__ import annotations

import logging

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from fusion_site.ops.draining import is_draining
from fusion_site.ops.migrating import unapplied

logger = logging.getLogger(__name__)


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process can answer at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be served, else 503 with `problems`, a list of sentences."""
    problems = ["The process is about to end."] if is_draining() else _database_problems()
    if problems:
        return JsonResponse({"status": "unavailable", "problems": problems}, status=503)
    return JsonResponse({"status": "ok"})


def _database_problems() -> list[str]:
    try:
        missing = unapplied()
    except DatabaseError:
        logger.exception("the database cannot be read")
        return ["The database cannot be reached."]
    if missing:
        return [f"{missing} database migrations are not applied: run manage.py migrate."]
    return []
