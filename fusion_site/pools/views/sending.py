"""Copying and moving a thing to another team of the same person; the same journey for all four kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import membership_in, signed_in
from fusion_site.accounts.entering import places_in_force
from fusion_site.accounts.models import Membership, Role
from fusion_site.accounts.sure import ask, is_sure
from fusion_site.pools.equivalents import Reference, is_host, references
from fusion_site.pools.flows.transfer import ONE_HOST, Wanted, transfer
from fusion_site.pools.invalid import Errors, InUse, Invalid
from fusion_site.pools.models import Connection, Named, Preset
from fusion_site.pools.rights import require_editor
from fusion_site.pools.views.reach import person, reached
from fusion_site.pools.views.things import Thing


@dataclass(frozen=True)
class Choice:
    """How one reference is settled, as its select shows it; `errors` are what is wrong with what was chosen."""

    ref: Reference
    chosen: str
    errors: list[str]

    @property
    def name(self) -> str:
        """The name of its input, which messages about it have too."""
        return f"references.{self.ref.row.pk}"


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Ask where a thing is to go, and what stands in for all that it refers to; then copy or move it."""
    row, place = reached(request, thing, row_id)
    require_editor(place)
    if request.method != "POST":
        return _page(request, thing, row, place, request.GET)
    to = membership_in(person(request), request.POST.get("to", ""))
    if to is None:
        raise Http404
    if request.POST.get("with_keys") and not is_sure(request):
        return ask(request)
    try:
        made = transfer(place, row, _wanted(request, to))
    except Invalid as invalid:
        return _page(request, thing, row, place, request.POST, errors=invalid.fields, status=422)
    except InUse as in_use:
        return _page(request, thing, row, place, request.POST, errors={"moves": [str(in_use)]}, status=409)
    messages.success(request, _said(thing, made, to, moved=_moves(request)))
    return redirect(thing.url("edit", made))


def _wanted(request: HttpRequest, to: Membership) -> Wanted:
    prefix = "references."
    settled = {
        name.removeprefix(prefix): str(pk) for name, pk in request.POST.items() if name.startswith(prefix)
    }
    return Wanted(to, settled, with_keys=bool(request.POST.get("with_keys")), moves=_moves(request))


def _moves(request: HttpRequest) -> bool:
    return request.POST.get("do") == "move"


def _said(thing: Thing, made: Named, to: Membership, *, moved: bool) -> str:
    called = f" Programs call it fusion/{made.slug} there." if isinstance(made, Preset) else ""
    key = " Its key has to be typed there." if isinstance(made, Connection) and made.key_lost else ""
    return f"The {thing.noun} is {'moved' if moved else 'copied'} to {to.team.name} as “{made.name}”.{called}{key}"


def _page(
    request: HttpRequest,
    thing: Thing,
    row: Named,
    place: Membership,
    given: Mapping[str, Any],
    *,
    errors: Errors | None = None,
    status: int = 200,
) -> HttpResponseBase:
    errors = errors or {}
    targets = _targets(place)
    to = next((each for each in targets if each.team_id == given.get("to")), targets[0] if targets else None)
    choices = [_choice(ref, given, errors) for ref in references(row, to.team)] if to else []
    own = {choice.name for choice in choices} | {"with_keys"}
    context = {
        "thing": thing,
        "row": row,
        "place": place,
        "targets": targets,
        "to": to,
        "choices": choices,
        "is_host": is_host(row),
        "one_host": ONE_HOST,
        "with_keys": given.get("with_keys", ""),
        "key_errors": errors.get("with_keys", []),
        "may_take_keys": to is not None and place.role == to.role == Role.OWNER,
        "has_keys": any(_has_key(each) for each in [row, *(choice.ref.row for choice in choices)]),
        "general": [text for path, texts in errors.items() if path not in own for text in texts],
    }
    return render(request, "pools/send.html", context, status=status)


def _targets(place: Membership) -> list[Membership]:
    """Give the other teams in which the person may edit, by name."""
    places = places_in_force().select_related("team").filter(user=place.user_id).exclude(team=place.team_id)
    return [each for each in places.order_by("team__name", "pk") if each.may_edit()]


def _choice(ref: Reference, given: Mapping[str, Any], errors: Errors) -> Choice:
    name = f"references.{ref.row.pk}"
    return Choice(ref, str(given.get(name) or ref.usual), errors.get(name, []))


def _has_key(row: Named) -> bool:
    return isinstance(row, Connection) and bool(row.sealed_key)
