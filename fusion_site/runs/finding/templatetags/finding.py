"""What the list of runs says with `{% load finding %}`."""

from __future__ import annotations

from collections.abc import Mapping

from django.template import Library

register = Library()


@register.filter
def get(messages: Mapping[str, list[str]], name: str) -> list[str]:
    """Give what is said of a field; mostly nothing."""
    return messages.get(name, [])
