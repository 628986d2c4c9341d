"""The page of the Compact host: how it is for everybody, and what its owner may do with it."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import asigned_in, current_membership, signed_in
from fusion_site.pools import compact_files
from fusion_site.pools.compact_page import (
    access,
    files,
    found,
    host_view,
    may_operate,
    own_connection,
    set_template,
)
from fusion_site.pools.flows import host_compact, run_compact
from fusion_site.pools.flows.fetch_file import newest_fetch
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.views.reach import person


@signed_in
@require_safe
def index(request: HttpRequest) -> HttpResponseBase:
    """Show the whole page."""
    return page(request)


def page(
    request: HttpRequest, *, status: int = 200, errors: Errors | None = None, **more: Any
) -> HttpResponseBase:
    """Give the page; `more` is what was looked up or typed on it."""
    place, owner = current_membership(request), may_operate(person(request))
    host = host_view()
    context = {
        "host": host,
        "place": place,
        "may_operate": owner,
        "connection": own_connection(place),
        "files": files(host.status),
        "known": compact_files.by_name(),
        "access": access() if owner else None,
        "errand": newest_fetch(person(request)) if owner else None,
        "template": set_template(host.status) if owner else None,
        "errors": errors or {},
        **more,
    }
    if "offer" in more:
        context["here"] = found(more["offer"].name)
    return render(request, "pools/compact/index.html", context, status=status)


@signed_in
@require_safe
def state(request: HttpRequest) -> HttpResponseBase:
    """Give the part of the page that is alive, with the files anew once another one is hosted than was shown."""
    host = host_view()
    context = {
        "host": host,
        "place": current_membership(request),
        "may_operate": may_operate(person(request)),
    }
    if request.GET.get("shown") != host.hosting:
        context |= {"is_news": True, "files": files(host.status)}
    return render(request, "pools/compact/_state.html", context)


@signed_in
@require_safe
def rates(request: HttpRequest) -> HttpResponseBase:
    """Give the rates of the last minutes as a table."""
    return render(request, "pools/compact/_minutes.html", {"host": host_view()})


@asigned_in
@require_POST
async def run(request: HttpRequest) -> HttpResponseBase:
    """Start or stop the host, or host another file of the shelf."""
    do, by = request.POST.get("do", ""), person(request)
    try:
        if do == "host":
            await host_compact.host_file(by, request.POST.get("file", ""))
        else:
            await host_compact.run(by, on=do == "start")
    except Invalid as invalid:
        return await sync_to_async(page)(request, status=422, errors=invalid.fields)
    return redirect("compact")


@asigned_in
@require_POST
async def settle(request: HttpRequest) -> HttpResponseBase:
    """Keep when the model is unloaded, and who may use it."""
    by = person(request)
    try:
        await host_compact.unload_when_idle(by, request.POST.dict())
    except Invalid as invalid:
        typed = request.POST.get("idle_min", "")
        return await sync_to_async(page)(request, status=422, errors=invalid.fields, idle_typed=typed)
    everyone = request.POST.get("who") != "some"
    await host_compact.open_to(by, everyone=everyone, teams=request.POST.getlist("team"))
    messages.success(request, "The settings of the Compact host are saved.")
    return redirect("compact")


@asigned_in
@require_POST
async def template(request: HttpRequest) -> HttpResponseBase:
    """Keep another chat template for the hosted file, and load that again with it."""
    typed, meant = request.POST.get("template", ""), request.POST.get("file", "")
    try:
        await host_compact.use_template(person(request), typed, meant)
    except Invalid as invalid:
        return await sync_to_async(page)(request, status=422, errors=invalid.fields, typed=typed)
    messages.success(request, "The chat template is saved.")
    return redirect("compact")


@signed_in
@require_POST
def remove(request: HttpRequest) -> HttpResponseBase:
    """Delete a file, or what came of one before its fetch was cut."""
    name, part = request.POST.get("file", ""), request.POST.get("part", "")
    try:
        if part:
            run_compact.remove_part(person(request), part)
        else:
            run_compact.remove_file(person(request), name)
    except Invalid as invalid:
        return page(request, status=422, errors=invalid.fields)
    messages.success(request, f"{part or name} is deleted.")
    return redirect("compact")
