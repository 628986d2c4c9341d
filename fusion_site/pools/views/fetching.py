"""Fetching model files on the page of the Compact host, for the site's owner alone."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import asigned_in, signed_in
from fusion_site.compact.files.offer import Offer
from fusion_site.pools.compact_page import files, host_view
from fusion_site.pools.flows import fetch_file
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.views.compact import page
from fusion_site.pools.views.reach import person


@asigned_in
@require_POST
async def look(request: HttpRequest) -> HttpResponseBase:
    """Look up a file and show what it is, with its licence, before anything is fetched."""
    source = _posted(request, "source")
    try:
        offer = await fetch_file.look_up(person(request), source)
    except Invalid as invalid:
        return await _refused(request, source, invalid)
    return await sync_to_async(page)(request, source=source, offer=offer)


@asigned_in
@require_POST
async def fetch(request: HttpRequest) -> HttpResponseBase:
    """Fetch what was shown, once its licence is accepted: in the name of who is signed in."""
    source, commit = _posted(request, "source"), _posted(request, "commit")
    accepts = request.POST.get("accept") == "1"
    try:
        await fetch_file.fetch(person(request), source, commit, accepts=accepts)
    except fetch_file.NotAccepted as invalid:
        return await _refused(request, source, invalid, offer=invalid.offer)
    except Invalid as invalid:
        return await _refused(request, source, invalid)
    return redirect("compact")


@asigned_in
@require_POST
async def stop(request: HttpRequest) -> HttpResponseBase:
    """Stop the fetch that goes on; what came is kept."""
    await fetch_file.stop_fetching(person(request))
    return redirect("compact")


@signed_in
@require_safe
def progress(request: HttpRequest) -> HttpResponseBase:
    """Give how far the fetch is; once it has ended, how, and the files anew. What is typed on the page meanwhile stays."""
    newest = fetch_file.newest_fetch(person(request))
    if newest is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if newest.state == "running":
        return render(request, "pools/compact/_fetch.html", {"errand": newest})
    host = host_view()
    shown = {
        "errand": newest,
        "host": host,
        "files": files(host.status),
        "may_operate": True,
        "is_news": True,
    }
    return render(request, "pools/compact/_fetched.html", shown)


def _posted(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[: fetch_file.LONGEST]


async def _refused(request: HttpRequest, source: str, invalid: Invalid, **more: Offer) -> HttpResponseBase:
    return await sync_to_async(page)(request, status=422, errors=invalid.fields, source=source, **more)
