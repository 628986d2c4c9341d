"""Fetching model files on the page of the Compact host, for the site's owner alone."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import asigned_in, signed_in
from fusion_site.compact.files.errands import Errands
from fusion_site.compact.files.offer import Offer, PullFailed
from fusion_site.compact.files.source import WrongSource, source_of
from fusion_site.pools import compact_host
from fusion_site.pools.compact_page import errand, files, host_view
from fusion_site.pools.flows.run_compact import require_operator
from fusion_site.pools.views.compact import page
from fusion_site.pools.views.reach import person

_ELSEWHERE = "No process of this site hosts a model, so none fetches files. On a machine of its own: manage.py compact pull."


@asigned_in
@require_POST
async def look(request: HttpRequest) -> HttpResponseBase:
    """Look up a file and show what it is, with its licence, before anything is fetched."""
    require_operator(person(request))
    source = request.POST.get("source", "").strip()[:1000]
    try:
        source_of(source)
        offer = await _errands().look(source)
    except (WrongSource, PullFailed) as error:
        return await _refused(request, source, error)
    return await sync_to_async(page)(request, source=source, offer=offer)


@asigned_in
@require_POST
async def fetch(request: HttpRequest) -> HttpResponseBase:
    """Fetch what was shown, once its licence is accepted: in the name of who is signed in."""
    require_operator(person(request))
    source, commit = (request.POST.get(name, "").strip()[:1000] for name in ("source", "commit"))
    try:
        offer = await _errands().look(source)
        if (why_not := _not_accepted(request, offer, commit)) is not None:
            errors = {"accept": [why_not]}
            return await sync_to_async(page)(request, status=422, errors=errors, source=source, offer=offer)
        _errands().fetch(offer, person(request).email)
    except (WrongSource, PullFailed) as error:
        return await _refused(request, source, error)
    return redirect("compact")


@asigned_in
@require_POST
async def stop(request: HttpRequest) -> HttpResponseBase:
    """Stop the fetch that goes on; what came is kept. Where nothing fetches there is nothing to stop."""
    require_operator(person(request))
    errands = compact_host.errands()
    if errands is not None:
        await errands.stop()
    return redirect("compact")


@signed_in
@require_safe
def progress(request: HttpRequest) -> HttpResponseBase:
    """Give how far the fetch is; once it has ended, how, and the files anew. What is typed on the page meanwhile stays."""
    require_operator(person(request))
    newest = errand()
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


def _not_accepted(request: HttpRequest, offer: Offer, commit: str) -> str | None:
    if offer.commit != commit:
        return "Its authors changed it since it was shown here. Look at it again."
    return None if request.POST.get("accept") == "1" else "Accept the licence first."


def _errands() -> Errands:
    errands = compact_host.errands()
    if errands is None:
        raise PullFailed(_ELSEWHERE)
    return errands


async def _refused(request: HttpRequest, source: str, error: Exception) -> HttpResponseBase:
    errors = {"source": [str(error)]}
    return await sync_to_async(page)(request, status=422, errors=errors, source=source)
