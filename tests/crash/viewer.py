"""A program that follows a run by its event stream, across whatever becomes of the server: it goes on after the last event it saw."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

from tests.site.conftest import frames_in

RETRY_S = 0.02
WITHIN_S = 90.0


class Viewer:
    """Collects the events of a run in a thread of its own, until its pass is over. `url` is asked at each connect.

    A server may be gone, but one that is there may not refuse: what it said is in `refusals`.
    """

    def __init__(self, url: Callable[[], str], token: str, run_id: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.connects = 0
        self.refusals: list[str] = []
        self._url, self._token, self._run = url, token, run_id
        self._connection: http.client.HTTPConnection | None = None
        self._is_left = False
        self._passes = 0
        self.go_on()

    def go_on(self) -> None:
        """Follow the next pass: at first, and after each end."""
        self._passes += 1
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def all(self) -> list[dict[str, Any]]:
        """Wait for the end of the pass and give all events."""
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive(), f"run {self._run} did not end: {self.kinds}"
        return self.events

    @property
    def kinds(self) -> list[str]:
        """Give what kinds of events have come so far."""
        return [event["kind"] for event in self.events]

    @property
    def has_seen_the_end(self) -> bool:
        """Whether the pass that is followed is over."""
        return sum(kind in {"run.finished", "run.updated"} for kind in self.kinds) >= self._passes

    def drop(self) -> None:
        """Lose the connection, as one does with a server that hangs."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            # It may have ended by itself just now.
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Follow no longer."""
        self._is_left = True

    def _follow(self) -> None:
        while not self._is_left and not self.has_seen_the_end:
            try:
                for event in self._connected():
                    self.events.append(event)
            except (OSError, http.client.HTTPException, AttributeError, json.JSONDecodeError):
                time.sleep(RETRY_S)

    def _connected(self) -> Iterator[dict[str, Any]]:
        last = self.events[-1]["seq"] if self.events else 0
        headers = {"Authorization": f"Bearer {self._token}", "Last-Event-ID": str(last)}
        address = urlsplit(self._url()).netloc
        with closing(http.client.HTTPConnection(address, timeout=WITHIN_S)) as connection:
            self._connection = connection
            connection.request("GET", f"/api/v1/runs/{self._run}/events", headers=headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    self.refusals.append(f"{response.status} {response.read(2000)!r}")
                    raise http.client.HTTPException
                self.connects += 1
                yield from frames_in(response)
