"""The list of runs: search, filters as chips that can be taken off, and rows that keep themselves up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import current_membership, membership_in, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.pages.figures import money
from fusion_site.pages.words import state_word
from fusion_site.pools.history import who
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Mode, Pool, Preset
from fusion_site.runs.access import found_run, may_act_in
from fusion_site.runs.finding.excerpts import excerpts_of
from fusion_site.runs.finding.marks import marks_of, tags_of
from fusion_site.runs.finding.wanted import LIVE, ME, STATES, Wanted, matching, page_of, read_wanted
from fusion_site.runs.models import Run
from fusion_site.runs.pages.rows import rows_of, with_row_facts

PAGE = 30
FIELDS = ("q", "preset", "pool", "mode", "state", "person", "since", "until", "starred", "tag", "cost_over")


@signed_in
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Show the team's runs, newest first: all, or those that the address asks for; `cursor` goes on from an earlier page."""
    place = current_membership(request)
    errors: dict[str, list[str]] = {}
    wanted = read_wanted(place, _given(request.GET), errors=errors)
    cursor = request.GET.get("cursor") or None
    rows = with_row_facts(matching(place, wanted))
    try:
        found, following = page_of(rows, wanted, cursor, PAGE)
    except Invalid:  # an address from elsewhere: begin at the newest
        cursor = None
        found, following = page_of(rows, wanted, None, PAGE)
    asked = _asked(request.GET)
    context = {
        "runs": list_rows(place, found, wanted),
        "wanted": wanted,
        "asked": asked,
        "query": asked.urlencode(),
        "chips": list(_chips(wanted, asked)),
        "filters": _choices(place, asked),
        "errors": errors,
        "cursor": cursor or "",
        "next": following or "",
        "may_delete": any(may_act_in(place, run) for run in found),
    }
    return render(request, "runs/list.html", context, status=422 if errors else 200)


@signed_in
@require_GET
def row(request: HttpRequest, run_id: str) -> HttpResponse:
    """Give one row of the list as it is now: rows of runs that go on ask for it."""
    run = found_run(request.user, run_id)
    place = membership_in(request.user, run.team_id)
    assert place is not None
    found = with_row_facts(Run.objects.filter(pk=run.pk))
    for shown in list_rows(place, list(found), Wanted()):
        return render(request, "runs/_row.html", {"run": shown})
    raise Http404  # it was deleted meanwhile


def list_rows(place: Membership, runs: Sequence[Run], wanted: Wanted) -> list[dict[str, Any]]:
    """Give the rows of the list, with what the runs are marked with and where the words stand that are searched for."""
    marks = marks_of(runs, place.user_id)
    excerpts = excerpts_of(runs, wanted.terms) if wanted.q else {}
    return [
        {
            **shown,
            "starred": marks[run.pk].starred,
            "tags": marks[run.pk].tags,
            "excerpt": excerpts.get(run.pk),
            "may_act": may_act_in(place, run),
        }
        for run, shown in zip(runs, rows_of(runs), strict=True)
    ]


def _given(asked: QueryDict) -> dict[str, Any]:
    return {**{name: asked.get(name) for name in FIELDS}, "tag": asked.getlist("tag")}


def _asked(given: QueryDict) -> QueryDict:
    """Give what was asked for without what is empty and without the page."""
    asked = QueryDict(mutable=True)
    for name in FIELDS:
        asked.setlist(name, [value for value in given.getlist(name) if value])
        if not asked.getlist(name):
            del asked[name]
    return asked


def _chips(wanted: Wanted, asked: QueryDict) -> Iterator[dict[str, str]]:
    """Give each thing that is asked for in words, with the address of the list without it."""
    for name, words in _words(wanted):
        rest = asked.copy()
        values = [value for value in rest.getlist(name) if name == "tag" and value != words]
        rest.setlist(name, values)
        label = f"tag {words}" if name == "tag" else words
        yield {"label": label, "address": f"{reverse('runs')}?{rest.urlencode()}"}


def _words(wanted: Wanted) -> Iterator[tuple[str, str]]:
    """Give the name of each thing that is asked for, and how it is said."""
    until = timezone.localtime(wanted.until) - _MOMENT if wanted.until else None
    said: dict[str, str | None] = {
        "q": wanted.q and f"“{wanted.q}”",
        "preset": f"preset {wanted.preset.name}" if wanted.preset else None,
        "pool": f"pool {wanted.pool.name}" if wanted.pool else None,
        "mode": wanted.mode and str(Mode(wanted.mode).label),
        "state": wanted.state and _state_label(wanted.state),
        "person": f"by {who(wanted.person.user)}" if wanted.person else None,
        "since": f"since {timezone.localtime(wanted.since):%Y-%m-%d}" if wanted.since else None,
        "until": f"until {until:%Y-%m-%d}" if until else None,
        "starred": "starred" if wanted.starred else None,
        "cost_over": None if wanted.cost_over is None else f"over {money(wanted.cost_over)}",
    }
    yield from ((name, words) for name, words in said.items() if words)
    yield from (("tag", tag.name) for tag in wanted.tags)


# A day that counts ends just before the next one begins.
_MOMENT = timedelta(microseconds=1)


def _state_label(state: str) -> str:
    return "going on" if state == LIVE else state_word(state)


def _choices(place: Membership, asked: QueryDict) -> list[dict[str, Any]]:
    """Give the lists that one of can be chosen from, with what is chosen."""
    team = place.team_id
    people = Membership.objects.filter(team=team).select_related("user").order_by("user__name", "user__email")
    lists: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("state", "State", [(str(state), _state_label(state)) for state in STATES]),
        ("preset", "Preset", list(Preset.objects.filter(team=team).values_list("pk", "name"))),
        ("pool", "Pool", list(Pool.objects.filter(team=team).values_list("pk", "name"))),
        ("mode", "Mode", [(mode.value, mode.label) for mode in Mode]),
        ("person", "Started by", [(ME, "me"), *_others(people, place)]),
        ("tag", "Tag", [(tag.name, tag.name) for tag in tags_of(team)]),
    ]
    return [
        {"name": name, "label": label, "options": options, "chosen": asked.getlist(name)}
        for name, label, options in lists
        if options
    ]


def _others(people: Any, place: Membership) -> list[tuple[str, str]]:
    return [(each.ref, each.user.name or each.user.email) for each in people if each.pk != place.pk]
