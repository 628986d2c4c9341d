"""The rows of fused answers: begun, whole, traced."""

from __future__ import annotations

from typing import Any

from fusion_site.runs.models import Fusion


def begin_fusion(run_id: str, version: int, fields: dict[str, Any]) -> None:
    """Store that a version begins, or begins again."""
    nothing = {"finished": False, "text": "", "provenance": None}
    Fusion.objects.update_or_create(run_id=run_id, version=version, defaults={**fields, **nothing})


def finish_fusion(run_id: str, version: int, **fields: Any) -> None:
    """Store the whole text of a version, and what it heeded."""
    Fusion.objects.filter(run_id=run_id, version=version).update(**fields, finished=True)


def trace_fusion(run_id: str, version: int, found: dict[str, Any]) -> None:
    """Store where a version comes from."""
    Fusion.objects.filter(run_id=run_id, version=version).update(provenance=found)
