"""The page on which a team sees what its runs have told it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.pages.charts import bars_across, spans
from fusion_site.runs.models import Run, State
from fusion_site.runs.titles import titled
from fusion_site.runs.voting.insights import DEFAULT_DAYS, PERIODS, insights_of

# Runs that are offered to be voted on.
OFFERED = 5


@signed_in
@require_safe
def insights(request: HttpRequest) -> HttpResponse:
    """Show who wins in the current team, how judges and people agree, and what models take; `days` narrows it."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(each) for each in PERIODS} else DEFAULT_DAYS
    place = current_membership(request)
    found = insights_of(place.team, days)
    context = {
        "days": days,
        "periods": PERIODS,
        "found": found,
        "people_chart": spans([rank.strength for rank in found.by_people]),
        "judges_chart": spans([rank.strength for rank in found.by_judges]),
        "time_chart": bars_across([each.median_ms for each in found.models]),
        "is_paid": any(each.mean_usd for each in found.models),
        "cost_chart": bars_across([each.mean_usd for each in found.models]),
        "to_vote": _to_vote(request, place.team_id),
    }
    return render(request, "voting/insights.html", context)


def _to_vote(request: HttpRequest, team_id: str) -> list[tuple[str, str]]:
    """Give the newest runs, as (id, title), that this person has not voted on and did not start, so as not to know names."""
    assert request.user.pk is not None
    voted = Run.objects.filter(votes__person=request.user.pk).values("pk")
    rows = Run.objects.filter(team=team_id, state=State.DONE).exclude(person=request.user.pk)
    newest = rows.exclude(pk__in=voted).only("title", "prompt")[:OFFERED]
    return [(run.pk, titled(run)) for run in newest]
