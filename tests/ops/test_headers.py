"""The security headers of pages, in sync and async views, unless a view sets its own."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from fusion_site.ops.headers import HEADERS


def sync_view(request: HttpRequest) -> HttpResponse:
    """Say nothing of headers."""
    return HttpResponse("page")


async def async_view(request: HttpRequest) -> HttpResponse:
    """Say nothing of headers, on the event loop."""
    return HttpResponse("page")


def stream_view(request: HttpRequest) -> StreamingHttpResponse:
    """Stream."""
    return StreamingHttpResponse(iter([b"pa", b"ge"]))


def own_view(request: HttpRequest) -> HttpResponse:
    """Have a policy of its own, as a shared page may."""
    return HttpResponse("page", headers={"Content-Security-Policy": "default-src 'none'"})


urlpatterns = [
    path("sync/", sync_view),
    path("async/", async_view),
    path("stream/", stream_view),
    path("own/", own_view),
]
pytestmark = pytest.mark.urls(__name__)


@pytest.mark.parametrize("address", ["/sync/", "/async/", "/stream/"])
def test_every_page_carries_them(address: str) -> None:
    response = Client().get(address)
    assert response.status_code == 200
    assert {name: response[name] for name in HEADERS} == HEADERS
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("address", ["/sync/", "/async/"])
async def test_every_page_carries_them_under_asgi(address: str) -> None:
    response = await AsyncClient().get(address)
    assert {name: response[name] for name in HEADERS} == HEADERS


def test_error_pages_carry_them_too() -> None:
    response = Client(raise_request_exception=False).get("/absent/")
    assert response["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert response["Cache-Control"] == "private, no-store"


def test_a_view_may_set_its_own() -> None:
    response = Client().get("/own/")
    assert response["Content-Security-Policy"] == "default-src 'none'"
    assert response["Cache-Control"] == "private, no-store"


def test_the_policy_allows_no_inline_code_and_no_other_place() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
