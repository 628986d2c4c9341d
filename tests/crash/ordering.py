"""Ordering a run as a program does whose server may be no more before it answers."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import suppress
from typing import Any

from tests.site.conftest import Api

WITHIN_S = 40.0


class Order:
    """An order whose answer nobody waits for. `was_sent` is set once the server has all of it."""

    def __init__(self, api: Api, body: dict[str, Any], key: str) -> None:
        self.was_sent = threading.Event()
        self._api, self._body, self._key = api, json.dumps(body), key
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until it was answered, or the server was no more."""
        self._thread.join(WITHIN_S)

    def _send(self) -> None:
        headers = {
            "Authorization": f"Bearer {self._api.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": self._key,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._api.site.port, timeout=WITHIN_S)
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/api/v1/runs", self._body, headers)
            self.was_sent.set()
            connection.getresponse().read()
        connection.close()
