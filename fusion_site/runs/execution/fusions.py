"""The rows of fused answers: begun, whole, traced."""

from __future__ import annotations

from typing import Any

from fusion_site.runs.missing import missing_from
from fusion_site.runs.models import Answer, Fusion

_READ = ("round", "member", "outcome", "text", "error", "total_ms")


def begin_fusion(run_id: str, version: int, fields: dict[str, Any]) -> None:
    """Store that a version begins, or begins again; who has no part in it is read from the rows as they are by now."""
    answers = list(Answer.objects.filter(run_id=run_id).only(*_READ))
    missing = missing_from(answers, fields["answers"], fields["late"])
    nothing = {"finished": False, "text": "", "provenance": None}
    Fusion.objects.update_or_create(
        run_id=run_id, version=version, defaults={**fields, "missing": missing, **nothing}
    )


def finish_fusion(run_id: str, version: int, **fields: Any) -> None:
    """Store the whole text of a version, and what it heeded."""
    Fusion.objects.filter(run_id=run_id, version=version).update(**fields, finished=True)


def trace_fusion(run_id: str, version: int, found: dict[str, Any]) -> None:
    """Store where a version comes from."""
    Fusion.objects.filter(run_id=run_id, version=version).update(provenance=found)
