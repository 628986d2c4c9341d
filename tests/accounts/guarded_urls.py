"""Small views behind each guard, for the tests of access."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import include, path

from fusion_site.accounts.access import asigned_in, current_membership, editor_required, signed_in


def _place(request: HttpRequest) -> HttpResponse:
    place = current_membership(request)
    return HttpResponse(f"{request.user} is {place.role} in {place.team.name}")


@signed_in
def sync_view(request: HttpRequest) -> HttpResponseBase:
    """Say who is where."""
    return _place(request)


@asigned_in
async def async_view(request: HttpRequest) -> HttpResponseBase:
    """Say who is where, on the event loop."""
    return _place(request)


@editor_required
def sync_edit(request: HttpRequest) -> HttpResponseBase:
    """Say who may edit."""
    return _place(request)


@editor_required
async def async_edit(request: HttpRequest) -> HttpResponseBase:
    """Say who may edit, on the event loop."""
    return _place(request)


@asigned_in
async def async_page(request: HttpRequest) -> HttpResponseBase:
    """Render what context processors know, on the event loop."""
    return render(request, "accounts/_tokens.html", {"tokens": []})


urlpatterns = [
    path("sync/", sync_view),
    path("async/", async_view),
    path("sync/edit/", sync_edit),
    path("async/edit/", async_edit),
    path("async/page/", async_page),
    path("", include("fusion_site.urls")),
]
