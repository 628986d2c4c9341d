"""The forms by which things are made and changed; the same journey for all four kinds."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.accounts.sure import ask, is_sure
from fusion_site.pools.drafts import Fields, draft_of, rearranged
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.models import Connection, Named
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
    messages.success(request, f"The {thing.noun} “{saved.name}” is {'saved' if row else 'made'}.")
    return to_list(request, thing, place)


def _saved(request: HttpRequest, thing: Thing, place: Membership, row: Named | None, draft: Plain) -> Named:
    """Store what was typed. Of a connection that is refused, the key is kept, and `draft` says by which name."""
    if thing.model is not Connection:
        return thing.save(place, draft, row)
    sent, draft["kept_key"] = dict(draft), ""
    given = with_key(request, place.team_id, sent)
    try:
        saved = thing.save(place, given, row)
    except Invalid as error:
        draft["kept_key"] = keep_key(request, place.team_id, given, error.fields)
        raise
    forget_key(request)
    return saved


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
        "may_edit": place.may_edit(),
        "start": None if row else _start(request, thing),
        **thing.choices(place.team),
    }
    part = "_editor" if focus is not None and getattr(request, "htmx", False) else "form"
    status = 422 if errors else 200
    return render(request, f"pools/{thing.plural}/{part}.html", context, status=status)
