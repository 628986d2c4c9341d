"""By which ways a running site is entered, and by no others: exact origins for sockets, one header for programs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.site.conftest import Api
from tests.site.visitor import Visitor
from tests.upstream import Upstream


@pytest.fixture
def run(api: Api, upstream: Upstream) -> str:
    """Have the site hold a run."""
    slug = api.preset(upstream, "best_of", ("ada",))
    made: str = api("POST", "runs", {"preset": slug, "prompt": "Why?"})["id"]
    assert [fact["kind"] for fact in api.events(made)][-1] == "run.finished"
    return made


def test_only_pages_of_exactly_this_origin_open_a_socket(api: Api, run: str) -> None:
    site = urlsplit(api.site.url)
    origins = [
        f"https://{site.netloc}",
        f"http://{site.hostname}",
        f"http://{site.hostname}:{(site.port or 0) - 1}",
        f"http://localhost:{site.port}",
        f"http://{site.netloc}.evil.example",
        f"http://evil.example/{site.netloc}",
        f"http://evil.example#{site.netloc}",
        f"http://user@{site.netloc}",
        "http://evil.example",
        "null",
        "",
        None,
    ]
    share = urlsplit(api("POST", f"runs/{run}/shares", {"show": ["fused"]})["url"]).path
    for path in (f"/ws/runs/{run}/", f"{share}live/"):
        assert _opens(api, path, api.site.url), path
        assert [origin for origin in origins if _opens(api, path, origin)] == [], path


def _opens(api: Api, path: str, origin: str | None) -> bool:
    """Whether the handshake is accepted; a refusal is one of the origin, and looks like it (400: no origin at all)."""
    headers: dict[str, Any] = {} if origin is None else {"Origin": origin}
    address = f"{api.site.url.replace('http', 'ws')}{path}"
    try:
        with connect(address, additional_headers=headers, proxy=None):
            return True
    except InvalidStatus as refused:
        return refused.response.status_code not in {400, 403}


def test_a_token_counts_in_one_header_alone(api: Api, run: str) -> None:
    """A second way in is one that the rules of the first do not hold for."""
    ways: list[dict[str, Any]] = [
        {"headers": {"X-Api-Key": api.token}},
        {"headers": {"Api-Key": api.token}},
        {"headers": {"Authorization": api.token}},
        {"headers": {"Authorization": f"Basic {api.token}"}},
        {"headers": {"X-Authorization": f"Bearer {api.token}"}},
        {"headers": {"Cookie": f"token={api.token}; Authorization=Bearer {api.token}"}},
        {"params": {"token": api.token, "api_key": api.token, "access_token": api.token}},
    ]
    for path in ("/api/v1/me", f"/api/v1/runs/{run}", "/v1/models"):
        address = f"{api.site.url}{path}"
        right = {"Authorization": f"Bearer {api.token}"}
        assert httpx.get(address, headers=right, timeout=30).status_code == 200
        assert {httpx.get(address, timeout=30, **way).status_code for way in ways} == {401}, path


def test_a_browser_that_signed_in_has_no_way_into_the_doors_of_programs(api: Api, run: str) -> None:
    visitor = Visitor(api.site, "erin@example.com").sign_up()
    for path in ("/api/v1/me", f"/api/v1/runs/{run}", f"/api/v1/runs/{run}/events", "/v1/models"):
        assert visitor.http.get(path).status_code == 401, path
    visitor.close()


def test_what_a_proxy_says_is_not_believed_where_there_is_none(api: Api) -> None:
    """Neither who asks nor by which host or scheme."""
    told = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "192.0.2.7",
        "Forwarded": "for=192.0.2.7;host=evil.example;proto=https",
    }
    page = httpx.get(f"{api.site.url}/accounts/password/reset/", headers=told, timeout=30)
    assert page.status_code == 200
    assert "evil.example" not in page.text
    headers = {"Authorization": f"Bearer {api.token}", **told}
    made = {"name": "noted", "kind": "openai", "base_url": "https://api.example.com/v1"}
    address = f"{api.site.url}/api/v1/connections"
    httpx.post(address, json=made, headers=headers, timeout=30).raise_for_status()
    newest = api("GET", "team/audit?kind=connection")["items"][0]
    assert (newest["object_name"], newest["address"]) == ("noted", "127.0.0.1")
