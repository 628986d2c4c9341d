"""The live page: who may watch, and that a watcher sees everything once, whenever it comes and however slow it is."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from fusion_site.accounts.models import Membership, User
from fusion_site.asgi import application
from fusion_site.ops.metrics import REGISTRY
from fusion_site.runs.live import sending, watching
from fusion_site.runs.models import Run
from tests.runs.conftest import Desk, working
from tests.runs.page_dom import Page
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)

HOST = "127.0.0.1:8000"
WITHIN_S = 30


def socket_for(user: User | None, run_id: str, origin: str = f"http://{HOST}") -> Any:
    """Open a page's socket as a browser would."""
    client = Client()
    if user is not None:
        client.force_login(user)
    cookie = client.cookies.output(header="", sep=";").strip()
    headers = [(b"host", HOST.encode()), (b"origin", origin.encode()), (b"cookie", cookie.encode())]
    return WebsocketCommunicator(application, f"/ws/runs/{run_id}/", headers=headers)


def test_team_mates_may_watch_and_strangers_may_not_tell_it_from_nothing(
    desk: Desk, alice: User, dave: User, charlie: User
) -> None:
    run = desk.start()
    sockets = {name: socket_for(u, run.pk) for name, u in (("alice", alice), ("dave", dave))}
    refused = [socket_for(charlie, run.pk), socket_for(None, run.pk), socket_for(alice, "nosuchrun")]

    async def told(socket: Any) -> tuple[Any, Any]:
        return await socket.connect(timeout=WITHIN_S), await socket.receive_output(timeout=WITHIN_S)

    async def try_all() -> tuple[list[Any], list[Any]]:
        accepted = [(await told(socket))[1]["type"] for socket in sockets.values()]
        for socket in sockets.values():
            await socket.disconnect()
        return accepted, [await told(socket) for socket in refused]

    accepted, answers = async_to_sync(try_all)()
    assert accepted == ["websocket.send", "websocket.send"]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][1] == {"type": "websocket.close", "code": sending.NOT_FOUND}


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1:8000", "http://127.0.0.1:9999", "null", ""]
)
def test_pages_of_other_origins_are_refused(desk: Desk, origin: str) -> None:
    socket = socket_for(desk.person, desk.start().pk, origin)

    async def connect() -> bool:
        accepted, _ = await socket.connect(timeout=WITHIN_S)
        return bool(accepted)

    assert not async_to_sync(connect)()


def shown_text(frames: list[str], place: str) -> str:
    """Give the text that a browser shows there after these frames: the last whole state, then what was added."""
    page = Page()
    for frame in frames:
        page.take(frame)
    body = page.find(place)
    assert body is not None
    return " ".join(body.text().split())


def watch_while_it_runs(desk: Desk, upstream: Upstream, *, reconnect: bool) -> tuple[list[str], Run]:
    """Watch a run from its middle to its end; with `reconnect`, drop the socket once and come back."""
    gate = threading.Event()
    for name in ("ada", "bea", "cyd"):
        words = [f"{name} para{n} word.\n\n" for n in range(20)]
        # The twelfth comes with its neighbours: it is complete at once, however the text is cut into frames.
        pieces = [*words[:11], "".join(words[11:14]), *words[14:]]
        upstream.scripts[name] = Script(pieces, gate=gate, gate_at=10)
    run = desk.start()
    sockets = [socket_for(desk.person, run.pk), socket_for(desk.person, run.pk)]

    async def watch() -> list[str]:
        frames: list[str] = []
        async with working() as supervisor:
            socket = sockets.pop()
            assert (await socket.connect(timeout=WITHIN_S))[0]
            supervisor.submit(run.pk)
            while "para9" not in "".join(frames):
                frames.append(await socket.receive_from(timeout=WITHIN_S))
            if reconnect:
                await socket.disconnect()
                socket = sockets.pop()
                assert (await socket.connect(timeout=WITHIN_S))[0]
                frames.clear()
            gate.set()
            while 'data-state="done"' not in "".join(frames):
                frames.append(await socket.receive_from(timeout=WITHIN_S))
            await socket.disconnect()
        return frames

    return async_to_sync(watch)(), Run.objects.get(pk=run.pk)


@pytest.mark.parametrize("reconnect", [False, True])
def test_a_watcher_sees_every_word_once_and_in_order(
    desk: Desk, upstream: Upstream, *, reconnect: bool
) -> None:
    frames, _run = watch_while_it_runs(desk, upstream, reconnect=reconnect)
    for member, name in enumerate(("ada", "bea", "cyd")):
        expected = " ".join(f"{name} para{n} word." for n in range(20))
        assert shown_text(frames, f"text-0-{member}") == expected


def test_blocks_that_are_complete_are_sent_once(desk: Desk, upstream: Upstream) -> None:
    frames, _ = watch_while_it_runs(desk, upstream, reconnect=False)
    later = "".join(frame for frame in frames if 'id="run"' not in frame)
    # Of all three, and of the fused answer, which is one of them word for word.
    assert later.count("para12 word.") == 4


def test_a_page_that_lags_gets_the_whole_state_instead(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.scripts |= {name: Script([f"{name} ", "wrote."]) for name in ("ada", "bea", "cyd")}
    run = desk.start()

    async def lag() -> list[str]:
        async with working() as supervisor:
            with monkeypatch.context() as patched:
                patched.setattr(watching, "QUEUE", 1)
                slow = await watching.watch(run.pk, may_act=True)
            quick = await watching.watch(run.pk, may_act=True)
            frames = [await slow.frame(), await quick.frame()]
            supervisor.submit(run.pk)
            # The quick page reads to the end of the run; the slow one does not read at all meanwhile.
            while 'data-state="done"' not in frames[-1]:
                frames.append(await quick.frame())
            again = await slow.frame()
            for listener in (slow, quick):
                watching.leave(run.pk, listener)
            return [frames[0], again]

    lagged = REGISTRY.get_sample_value("fusion_listeners_lagged_total") or 0
    for frame in async_to_sync(lag)():
        assert 'id="run"' in frame
    assert REGISTRY.get_sample_value("fusion_listeners_lagged_total") == lagged + 1
    assert REGISTRY.get_sample_value("fusion_listeners", {"door": "page"}) == 0


def test_who_loses_access_stops_seeing(desk: Desk, dave: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusion_site.ops.rounds.LOOK_S", 0.05)
    run = desk.start()
    socket = socket_for(dave, run.pk)

    async def lose() -> Any:
        assert (await socket.connect(timeout=WITHIN_S))[0]
        await socket.receive_from(timeout=WITHIN_S)
        await sync_to_async(Membership.objects.filter(user=dave, team=desk.team).delete)()
        return await socket.receive_output(timeout=WITHIN_S)

    assert async_to_sync(lose)() == {"type": "websocket.close", "code": sending.NOT_FOUND}


def test_the_page_offers_stop_only_to_those_who_may(desk: Desk, dave: User, alice: User) -> None:
    run = desk.start()
    for user, may in ((alice, True), (desk.person, True), (dave, False)):
        socket = socket_for(user, run.pk)

        async def first(socket: Any = socket) -> str:
            await socket.connect(timeout=WITHIN_S)
            frame: str = await socket.receive_from(timeout=WITHIN_S)
            await socket.disconnect()
            return frame

        assert ("stop-run" in async_to_sync(first)()) is may
