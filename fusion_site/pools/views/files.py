"""Files of pools, judges and presets: taking them out, and looking at one before anything of it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_safe

from fusion_site.accounts.access import current_membership, editor_required, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.pools.exporting import exported, exported_team
from fusion_site.pools.file_format import KINDS, MOST_BYTES, TOO_LONG, Document, parsed, read_document
from fusion_site.pools.flows.import_file import Made, Needed, import_document, needed, rehearsed_import
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.models import Connection
from fusion_site.pools.views.reach import reached
from fusion_site.pools.views.things import Thing

EMPTY = "Choose a file, or paste what is in it."
_CHOICE = "use."


@signed_in
@require_safe
def export_thing(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Give one thing, with what it refers to, as a file."""
    row, _ = reached(request, thing, row_id)
    return _file(exported([row]), f"{thing.noun}-{slugify(row.name)[:60]}")


@signed_in
@require_safe
def export_team(request: HttpRequest) -> HttpResponseBase:
    """Give all pools, judges and presets of the current team as a file."""
    team = current_membership(request).team
    return _file(exported_team(team), slugify(team.name)[:60])


def _file(document: Mapping[str, Any], name: str) -> HttpResponse:
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    response = HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="fusion-{name.strip("-") or "file"}.json"'
    return response


@editor_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_page(request: HttpRequest) -> HttpResponseBase:
    """Ask for a file, show what it would make, and make that once it was looked at."""
    place = current_membership(request)
    if request.method != "POST":
        return _page(request, place)
    text, errors = _text(request)
    if errors:
        return _page(request, place, text=text, errors=errors)
    try:
        document = read_document(parsed(text))
        chosen = _chosen(request, document)
        connections = needed(place.team, document, chosen)
        if request.POST.get("do") == "make":
            return _made(request, import_document(place, document, connections))
        made = rehearsed_import(place, document, connections)
    except Invalid as invalid:
        return _refused(request, place, text, invalid.fields)
    return _page(request, place, text=text, connections=connections, made=made)


def _text(request: HttpRequest) -> tuple[str, Errors]:
    """Give what was uploaded, else pasted, and what is wrong with it as a file."""
    upload = request.FILES.get("file")
    if upload is None:
        text = request.POST.get("text", "")
        return text, {} if text.strip() else {"file": [EMPTY]}
    if (upload.size or 0) > MOST_BYTES:
        return "", {"file": [TOO_LONG]}
    try:
        return upload.read().decode("utf-8-sig"), {}
    except UnicodeDecodeError as error:
        return "", {"file": [f"This is no text in UTF-8 (byte {error.start + 1})."]}


def _chosen(request: HttpRequest, document: Document) -> dict[str, str]:
    """Give the connections that were chosen, by their names in the file; inputs have only their numbers."""
    names = [str(each["name"]) for each in document["connections"]]
    posted = {name: request.POST.get(f"{_CHOICE}{at}", "") for at, name in enumerate(names)}
    return {name: pk for name, pk in posted.items() if pk}


def _made(request: HttpRequest, made: list[Made]) -> HttpResponseBase:
    counted = [(kind, sum(each.kind == kind for each in made)) for kind in KINDS[1:]]
    words = ", ".join(f"{number} {kind if number > 1 else kind[:-1]}" for kind, number in counted if number)
    messages.success(request, f"Made from the file: {words}.")
    return redirect(next(kind for kind, number in reversed(counted) if number))


def _refused(request: HttpRequest, place: Membership, text: str, errors: Errors) -> HttpResponseBase:
    """Show what is wrong; if only connections have to be chosen, with the page on which they are."""
    if all(path.startswith("connections.") for path in errors):
        try:
            document = read_document(parsed(text))
            connections = needed(place.team, document, {})
            made = rehearsed_import(place, document, connections)
        except Invalid as invalid:
            return _page(request, place, text=text, errors=errors | invalid.fields)
        return _page(request, place, text=text, errors=errors, connections=connections, made=made)
    return _page(request, place, text=text, errors=errors)


def _page(
    request: HttpRequest,
    place: Membership,
    *,
    text: str = "",
    errors: Errors | None = None,
    connections: list[Needed] | None = None,
    made: list[Made] | None = None,
) -> HttpResponseBase:
    context: dict[str, Any] = {
        "text": text,
        "errors": errors or {},
        "said": [(path.replace(".", " › "), said) for path, said in (errors or {}).items()],
        "needed": [
            (
                each,
                (errors or {}).get(f"connections.{each.at}", []),
                request.POST.get(f"{_CHOICE}{each.at}", ""),
            )
            for each in connections or []
        ],
        "made": made,
        "there": Connection.objects.filter(team=place.team),
        "to": place.team,
    }
    return render(request, "pools/import.html", context, status=422 if errors else 200)
