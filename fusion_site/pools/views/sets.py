"""Starter sets: a form that is already filled with models of the team, and one step that makes pool, judge and preset."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import current_membership, editor_required
from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.compact_choice import usable
from fusion_site.pools.drafts import Fields, draft_of
from fusion_site.pools.flows.fill_set import fill_set
from fusion_site.pools.flows.refresh_catalogue import hear_of_new_ones
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.models import Connection
from fusion_site.pools.picking import facts_in
from fusion_site.pools.plain import Plain
from fusion_site.pools.prompting import variables_in
from fusion_site.pools.starter_sets import StarterSet, starter_set
from fusion_site.pools.suggesting import suggested


@editor_required
@require_http_methods(["GET", "HEAD", "POST"])
async def fill(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Show a set with models chosen for its places, or make it of those that were sent."""
    place, wanted = await sync_to_async(current_membership)(request), starter_set(slug)
    if wanted is None:
        raise Http404
    if request.method != "POST":
        await hear_of_new_ones(place.team)
    return await sync_to_async(_filled)(request, place, wanted)


def _filled(request: HttpRequest, place: Membership, wanted: StarterSet) -> HttpResponseBase:
    if request.method != "POST":
        return _page(request, place.team, wanted, _draft(place.team, wanted))
    draft = draft_of(request.POST)
    try:
        made = fill_set(place, wanted, draft)
    except Invalid as invalid:
        return _page(request, place.team, wanted, draft, invalid.fields)
    preset = made[-1].row
    messages.success(request, f"“{preset.name}” is made: a pool, a judge and a preset. Ask it something.")
    return redirect(f"{resolve_url('compose')}?{urlencode({'preset': preset.pk})}")


def _draft(team: Team, wanted: StarterSet) -> Plain:
    members, judge = suggested(team, len(wanted.roles))
    given = [{"connection": row.connection_id, "model": row.model} for row in members]
    own = {"connection": judge.connection_id, "model": judge.model} if judge else {}
    return {"name": wanted.name, "members": given or [{} for _ in wanted.roles], **own}


def _page(
    request: HttpRequest, team: Team, wanted: StarterSet, draft: Plain, errors: Errors | None = None
) -> HttpResponseBase:
    members = draft.get("members")
    rows = members if isinstance(members, list) and all(isinstance(each, dict) for each in members) else []
    draft = {**draft, "members": [*rows, *({} for _ in wanted.roles)][: len(wanted.roles)]}
    form = Fields(draft, errors or {})
    context: dict[str, Any] = {
        "set": wanted,
        "form": form,
        "errors": errors,
        "places": list(zip(wanted.roles, form["members"], strict=True)),
        "variables": variables_in(wanted.template),
        "connections": usable(Connection.objects.filter(team=team), team),
        "form_team": team.pk,
        "known": facts_in(team, draft),
    }
    return render(request, "pools/set.html", context, status=422 if errors else 200)
