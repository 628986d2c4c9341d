"""The matrix of the sockets: each × everybody. To whom one does not open, it tells exactly what one of nothing tells."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings

from fusion_site.asgi import application
from fusion_site.runs.live.sending import NOT_FOUND
from tests.access.doors import all_sockets
from tests.access.rules import SOCKETS
from tests.access.scene import ABSENT, CAST, Scene

HOST = "127.0.0.1:8000"
WITHIN_S = 30
ENDED = [{"type": "websocket.accept"}, {"type": "websocket.close", "code": NOT_FOUND}]


@pytest.mark.django_db(transaction=True)
def test_every_socket_opens_to_whom_it_should_and_tells_others_of_nothing(scene: Scene) -> None:
    before, asked, faults = scene.rows(), len(scene.upstream.ledger), []
    for path in all_sockets():
        for who in CAST:
            first = _told(scene, path.format(run_id=scene.ids["run_id"], token=scene.ids["s.token"]), who)
            absent = _told(scene, path.format(run_id=ABSENT, token=ABSENT), who)
            if absent != ENDED:
                faults.append(f"{who}: {path}: nothing is told as {absent}")
            if who in SOCKETS[path].allowed:
                if first[-1]["type"] != "websocket.send":
                    faults.append(f"{who}: {path}: does not open: {first}")
            elif first != absent:
                faults.append(f"{who}: {path}: differs from what is absent: {first}")
    assert faults == []
    assert (scene.rows(), len(scene.upstream.ledger)) == (before, asked)


def _told(scene: Scene, path: str, who: str) -> list[dict[str, Any]]:
    """Give the first two things that a page hears which opens a socket: the handshake, and a frame or the end."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={scene.sessions[who]}" if who in scene.sessions else ""
    headers = [(b"host", HOST.encode()), (b"origin", f"http://{HOST}".encode()), (b"cookie", cookie.encode())]

    async def listen() -> list[dict[str, Any]]:
        socket: Any = WebsocketCommunicator(application, path, headers=headers)
        await socket.send_input({"type": "websocket.connect"})
        heard = [await socket.receive_output(timeout=WITHIN_S)]
        if heard[0]["type"] == "websocket.accept":
            heard = [{"type": "websocket.accept"}, await socket.receive_output(timeout=WITHIN_S)]
        if heard[-1]["type"] == "websocket.send":
            await socket.disconnect(timeout=WITHIN_S)
        return [{name: value for name, value in each.items() if value is not None} for each in heard]

    return async_to_sync(listen)()
