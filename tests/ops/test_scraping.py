"""The door of a process that serves no pages: the same figures, under the same token, or on this machine only."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError

import pytest
from django.test import Client
from pytest_django import Settings

from fusion_site.ops.scraping import DoorNotSafe, serve_metrics


@contextmanager
def door(*, alive: bool = True) -> Iterator[str]:
    """Open one on a free port; gives its address."""
    opened = serve_metrics("127.0.0.1", 0, is_alive=lambda: alive)
    try:
        yield f"http://127.0.0.1:{opened.server_port}"
    finally:
        opened.close()


def read(url: str, token: str = "") -> tuple[int, str]:
    """Give status and body."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.mark.django_db(transaction=True)
def test_on_this_machine_it_needs_no_token() -> None:
    with door() as url:
        status, page = read(f"{url}/metrics")
        assert status == 200
        assert "fusion_executions 0.0" in page
        assert read(f"{url}/") == (404, "")


@pytest.mark.django_db(transaction=True)
def test_a_token_is_asked_for_where_there_is_one(settings: Settings) -> None:
    settings.FUSION_METRICS_TOKEN = "right-token"
    with door() as url:
        assert [read(f"{url}/metrics", token)[0] for token in ("", "wrong", "right-token")] == [404, 404, 200]


@pytest.mark.django_db
def test_the_pages_port_of_a_site_without_a_token_shows_nothing() -> None:
    tokens = ("", "None", "any-token")
    told = [Client(headers={"Authorization": f"Bearer {token}"}).get("/metrics") for token in tokens]
    assert [answer.status_code for answer in told] == [404] * 3


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "worker.example"])
def test_it_does_not_open_to_other_machines_without_one(host: str) -> None:
    with pytest.raises(DoorNotSafe, match="FUSION_METRICS_TOKEN"):
        serve_metrics(host, 0, is_alive=lambda: True)


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 503)])
def test_livez_says_whether_the_loop_turns(alive: bool, status: int) -> None:
    with door(alive=alive) as url:
        assert read(f"{url}/livez") == (status, "")
