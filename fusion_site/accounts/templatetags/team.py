"""What the team's pages say, with `{% load team %}`."""

from __future__ import annotations

from typing import Any

from django.template import Library

from fusion_site.accounts.models import AuditEntry

register = Library()


@register.filter
def details(entry: AuditEntry) -> list[str]:
    """Give what an entry tells besides, as lines: `role: viewer → editor`."""
    return [
        f"{name.replace('_', ' ')}: {_said(value, ' → ' if _is_change(entry, value) else ', ')}"
        for name, value in entry.details.items()
    ]


def _is_change(entry: AuditEntry, value: Any) -> bool:
    """Whether a list is what was before and what is now."""
    return isinstance(value, list) and len(value) == 2 and entry.action.endswith("_changed")


def _said(value: Any, between: str) -> str:
    if isinstance(value, list):
        return between.join(_said(each, between) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in {None, ""} else str(value)
