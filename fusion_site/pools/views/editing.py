"""The forms by which things are made and changed; the same journey for all four kinds."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.accounts.sure import ask, is_sure
from fusion_site.pools.calling import calls_of
from fusion_site.pools.drafts import Fields, draft_of, rearranged
from fusion_site.pools.flows.keep_version import versions_of
from fusion_site.pools.flows.save_seen import Clash, save_seen, seen_as
from fusion_site.pools.history import changes_of, entries
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.models import Connection, Named, Preset
from fusion_site.pools.picking import facts_in
from fusion_site.pools.plain import Plain, plain
from fusion_site.pools.rights import require_adder, require_editor
from fusion_site.pools.starts import Start, start_of
from fusion_site.pools.views.reach import reached, to_list
from fusion_site.pools.views.things import Thing
from fusion_site.pools.views.typed_key import forget_key, keep_key, with_key

SAVE = "save"


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, thing: Thing) -> HttpResponseBase:
    """Show an empty form, or make what a filled one says."""
    place = current_membership(request)
    (require_adder if thing.model is Connection else require_editor)(place)
    if request.method == "POST":
        return _posted(request, thing, place, None)
    start = _start(request, thing)
    return form_page(request, thing, place, None, thing.blank(place.team) | (start.draft if start else {}))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Show one thing in its form (to viewers as well, who cannot send it), or change it."""
    row, place = reached(request, thing, row_id)
    if request.method == "POST":
        require_editor(place)
        return _posted(request, thing, place, row)
    return form_page(request, thing, place, row, plain(row))


def _start(request: HttpRequest, thing: Thing) -> Start | None:
    """Give the starting point that the address of a new connection's form names: `?start=ollama`."""
    return start_of(request.GET.get("start", "")) if thing.model is Connection else None


def _posted(request: HttpRequest, thing: Thing, place: Membership, row: Named | None) -> HttpResponseBase:
    if thing.model is Connection and not is_sure(request):
        return ask(request)
    draft, do = _draft(request, thing), request.POST.get("do", SAVE)
    if thing.rows and do != SAVE:
        rows = thing.rows
        fresh = rows.fresh(draft[rows.name], place.team)
        draft[rows.name], focus = rearranged(draft[rows.name], do, fresh, most=rows.most)
        return form_page(request, thing, place, row, draft, focus=focus, moved=do.partition(".")[0])
    try:
        saved = _saved(request, thing, place, row, draft)
    except Invalid as error:
        return form_page(request, thing, place, row, draft, errors=error.fields)
    except Clash as clash:
        return form_page(request, thing, place, clash.now, draft, clash=_since(request, clash.now))
    messages.success(request, f"The {thing.noun} “{saved.name}” is {'saved' if row else 'made'}.")
    return to_list(request, thing, place)


def _saved(request: HttpRequest, thing: Thing, place: Membership, row: Named | None, draft: Plain) -> Named:
    """Store what was typed. Of a connection that is refused, the key is kept, and `draft` says by which name."""
    if thing.model is not Connection:
        return _stored(request, thing, place, row, draft)
    sent, draft["kept_key"] = dict(draft), ""
    given = with_key(request, place.team_id, sent)
    try:
        saved = _stored(request, thing, place, row, given)
    except (Invalid, Clash) as error:
        fields = error.fields if isinstance(error, Invalid) else {}
        draft["kept_key"] = keep_key(request, place.team_id, given, fields)
        raise
    forget_key(request)
    return saved


def _stored(request: HttpRequest, thing: Thing, place: Membership, row: Named | None, draft: Plain) -> Named:
    """Store it, unless somebody else did since the form was filled."""
    seen = _seen(request)
    if row is None or seen is None:
        return thing.save(place, draft, row)
    return save_seen(place, draft, row, seen, thing.save)


def _seen(request: HttpRequest) -> int | None:
    """Give the version that the form was filled with; None where none is told."""
    told = request.POST.get("seen", "")
    return int(told) if told.isdecimal() and len(told) < 9 else None


def _since(request: HttpRequest, now: Named) -> dict[str, Any]:
    """Give who saved what since the form was filled, to be shown above what was typed."""
    newest = entries(versions_of(now), now, most=1)[0]
    seen = versions_of(now).filter(number=_seen(request) or 1).first()
    return {"who": newest.who, "saved_at": newest.saved_at, "changes": changes_of(newest.version, seen)}


def _draft(request: HttpRequest, thing: Thing) -> Plain:
    """Give what was typed; a list without rows is an empty list."""
    draft = draft_of(request.POST)
    if thing.rows:
        rows = draft.get(thing.rows.name)
        draft[thing.rows.name] = rows if isinstance(rows, list) and all(map(_is_object, rows)) else []
    return draft


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def form_page(
    request: HttpRequest,
    thing: Thing,
    place: Membership,
    row: Named | None,
    draft: Plain,
    *,
    errors: Errors | None = None,
    focus: int | None = None,
    moved: str = "",
    clash: dict[str, Any] | None = None,
) -> HttpResponseBase:
    """Show a form; of a rearranged one, htmx gets the part that holds the inputs.

    The keyboard goes on in row `focus`: at the button that `moved` it, so that it can be moved on, else in its first field.
    """
    context: dict[str, Any] = {
        "thing": thing,
        "row": row,
        "form": Fields(draft, errors or {}),
        "errors": errors,
        "focus": focus,
        "moved": moved,
        "seen": _shown_at(request, row, clash),
        "clash": clash,
        "may_edit": place.may_edit(),
        "form_team": place.team_id,
        "known": facts_in(place.team, draft),
        "start": None if row else _start(request, thing),
        **thing.choices(place.team),
        **_calls(row),
    }
    part = "_editor" if focus is not None and getattr(request, "htmx", False) else "form"
    status = 422 if errors else 409 if clash else 200
    return render(request, f"pools/{thing.plural}/{part}.html", context, status=status)


def _shown_at(request: HttpRequest, row: Named | None, clash: dict[str, Any] | None) -> int | None:
    """Give the version that a form builds on: the one it was filled with, until a newer one was shown to who fills it."""
    if row is None:
        return None
    told = None if clash else _seen(request)
    return told if told is not None else seen_as(row)


def _calls(row: Named | None) -> dict[str, Any]:
    """Give how programs call a preset that is saved."""
    if not isinstance(row, Preset) or row._state.adding:
        return {}
    calls = calls_of(row, settings.FUSION_URL)
    return {"calls": calls, "calls_shown": [("curl", calls.curl), ("OpenAI's Python client", calls.python)]}
