"""A stranger at a site that runs: its sockets and streams tell a foreign run exactly as they tell none."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from fusion_site.runs.live.sending import NOT_FOUND
from tests.site.conftest import Api
from tests.site.visitor import Visitor
from tests.upstream import Upstream

# What differs between any two answers; those of the rate tell of the caller's own token.
OF_THE_MOMENT = {"date", "sec-websocket-accept", "x-request-id", "content-length"} | {
    f"x-ratelimit-{word}-requests" for word in ("limit", "remaining", "reset")
}


def test_a_foreign_run_cannot_be_followed_or_told_from_none(api: Api, upstream: Upstream) -> None:
    slug = api.preset(upstream, "best_of", ("ada",))
    run = api("POST", "runs", {"preset": slug, "prompt": "Why?"})["id"]
    assert [fact["kind"] for fact in api.events(run)][-1] == "run.finished"
    asked = len(upstream.ledger)
    stranger = Visitor(api.site, "charlie@example.com").sign_up()
    nobody = Visitor(api.site, "nobody@example.com")
    program = Api(api.site, stranger.make_token())
    for visitor in (stranger, nobody):
        assert _told(visitor, run) == _told(visitor, "a" * 24)
        assert _told(visitor, run)[1] == NOT_FOUND
    assert _stream(program, run) == _stream(program, "a" * 24)
    assert _stream(program, run)[0] == 404
    assert _stream(Api(api.site, "fus_none"), run)[0] == 401
    assert len(upstream.ledger) == asked
    for visitor in (stranger, nobody):
        visitor.close()


def _told(visitor: Visitor, run: str) -> tuple[dict[str, str], int, list[Any]]:
    """Give all that a socket is told which is turned away: the handshake's headers, the code, and every frame."""
    frames: list[Any] = []
    with visitor.socket(run) as socket:
        assert socket.response is not None
        headers = {name.lower(): value for name, value in socket.response.headers.raw_items()}
        with pytest.raises(ConnectionClosed) as closed:
            frames.append(socket.recv(timeout=30))
    assert closed.value.rcvd is not None
    return _kept(headers), closed.value.rcvd.code, frames


def _stream(program: Api, run: str) -> tuple[int, dict[str, str], Any]:
    """Give what a stream that is refused is answered."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        program.open("GET", f"runs/{run}/events")
    with refused.value as error:
        return error.code, _kept({name.lower(): value for name, value in error.headers.items()}), error.read()


def _kept(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in OF_THE_MOMENT}
