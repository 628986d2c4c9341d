"""A thing is renamed where it stands in its list."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import signed_in
from fusion_site.pools.drafts import Field
from fusion_site.pools.flows.save_seen import Clash, save_seen, seen_as
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Named
from fusion_site.pools.rights import require_editor
from fusion_site.pools.views.reach import reached
from fusion_site.pools.views.things import Thing


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Give htmx the name as a field, or, renamed or left (`?as=link`), as the link that it is in the list."""
    row, place = reached(request, thing, row_id)
    require_editor(place)
    is_part = getattr(request, "htmx", False)
    if request.method != "POST" and not is_part:
        return redirect(thing.url("edit", row))
    if request.method != "POST":
        part = "title" if request.GET.get("as") == "link" else "rename"
        return _part(request, part, thing, row, Field("name", row.name, []), seen_as(row))
    name, seen = request.POST.get("name", ""), request.POST.get("seen", "")
    seen_at = int(seen) if seen.isdecimal() and len(seen) < 9 else seen_as(row)
    try:
        saved = save_seen(place, {"name": name}, row, seen_at, thing.save)
    except Invalid as invalid:
        said = [text for texts in invalid.fields.values() for text in texts]
        return _part(request, "rename", thing, row, Field("name", name, said), seen_at)
    except Clash as clash:
        said = [f"It was saved meanwhile, as “{clash.now.name}”. Save again to rename it all the same."]
        return _part(request, "rename", thing, row, Field("name", name, said), seen_as(clash.now))
    messages.success(request, f"The {thing.noun} is called “{saved.name}” now.")
    if not is_part:
        return redirect(thing.list_url())
    return _part(request, "title", thing, saved, Field("name", saved.name, []), seen_as(saved), is_saved=True)


def _part(
    request: HttpRequest,
    part: str,
    thing: Thing,
    row: Named,
    field: Field,
    seen: int,
    *,
    is_saved: bool = False,
) -> HttpResponseBase:
    field.id = f"name_{row.pk}"
    context = {
        "thing": thing,
        "row": row,
        "field": field,
        "seen": seen,
        "is_saved": is_saved,
        "is_part": True,
    }
    return render(request, f"pools/parts/{part}.html", context)
