"""What a run's page says with `{% load finding %}` of how the run is marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.template import Context, Library

from fusion_site.runs.access import may_act
from fusion_site.runs.finding.marks import marks_of
from fusion_site.runs.models import Run

register = Library()


def marks_context(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Give what `runs/_marks.html` reads, for whom the request comes from."""
    marks = marks_of([run], request.user.pk)[run.pk]
    shown = {
        "id": run.pk,
        "starred": marks.starred,
        "tags": marks.tags,
        "may_act": may_act(request.user, run),
    }
    return {"run": shown}


@register.inclusion_tag("runs/_marks.html", takes_context=True)
def run_marks(context: Context, run_id: str) -> dict[str, Any]:
    """Show a run's star and tags, and let them be changed, by the id of a run that the page may show."""
    run = Run.objects.only("team_id", "person_id").get(pk=run_id)
    return {**marks_context(context["request"], run), "csrf_token": context.get("csrf_token")}


@register.filter
def get(messages: Mapping[str, list[str]], name: str) -> list[str]:
    """Give what is said of a field; mostly nothing."""
    return messages.get(name, [])
