"""A model hub on loopback that keeps a ledger, cuts streams, closes its gates and gives wrong bytes, as it is told."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any, cast

from tests.serving import Quiet, serving

REPO = "meadow/lantern-GGUF"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_a-token-for-tests"
CARD = {"license": "other", "license_name": "Lantern Community License", "license_link": "LICENSE.md"}


@dataclass(frozen=True)
class Asked:
    """One request: its path, the range it wanted, the token it carried, and the host it was sent to."""

    path: str
    range: str
    token: str
    host: str


@dataclass
class FakeHub:
    """What is offered, and how it is given. `cuts` are the bytes after which one stream after the other is cut."""

    content: bytes
    name: str = "lantern.gguf"
    told_size: int | None = None
    told_sha256: str | None = None
    gated: str | bool = False
    refuses: int = 0
    open_to: str | None = None
    cuts: list[int] = field(default_factory=list)
    stalls: bool = False
    obeys_range: bool = True
    ledger: list[Asked] = field(default_factory=list)
    url: str = ""
    resume: threading.Event = field(default_factory=threading.Event)

    @property
    def streams(self) -> list[Asked]:
        """The requests for bytes, as they came where the bytes are."""
        return [asked for asked in self.ledger if asked.path.startswith("/cdn/")]

    def info(self) -> dict[str, Any]:
        size = self.told_size or len(self.content)
        sha256 = self.told_sha256 or hashlib.sha256(self.content).hexdigest()
        return {
            "id": REPO,
            "sha": COMMIT,
            "gated": self.gated,
            "cardData": CARD,
            "siblings": [
                {"rfilename": "README.md", "size": 3, "blobId": "b"},
                {
                    "rfilename": self.name,
                    "size": size,
                    "lfs": {"size": size, "sha256": sha256, "pointerSize": 134},
                },
            ],
        }


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve `hub` until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.hub = hub  # type: ignore[attr-defined]
    hub.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        try:
            yield hub
        finally:
            hub.resume.set()


class _Handler(Quiet):
    @property
    def hub(self) -> FakeHub:
        return cast("FakeHub", self.server.hub)  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        asked = Asked(
            self.path, self.headers.get("range", ""), token, self.headers.get("host", "").split(":")[0]
        )
        self.hub.ledger.append(asked)
        if self.path.startswith(f"/api/models/{REPO}/revision/"):
            self._json(self.hub.info())
        elif self.path == f"/{REPO}/resolve/{COMMIT}/{self.hub.name}":
            self._lead_on(token)
        elif self.path.startswith("/cdn/"):
            self._give(asked)
        else:
            self._refuse(404, "RepoNotFound")

    def _lead_on(self, token: str) -> None:
        """To where the bytes are, another host, as the real hub does."""
        if self.hub.open_to is not None and token != self.hub.open_to:
            self._refuse(self.hub.refuses or 401, "GatedRepo")
            return
        self.send_response(302)
        self.send_header("location", f"http://localhost:{self.server.server_port}/cdn/bytes")  # type: ignore[attr-defined]
        self.send_header("content-length", "0")
        self.end_headers()

    def _give(self, asked: Asked) -> None:
        content, found = self.hub.content, re.fullmatch(r"bytes=(\d+)-", asked.range)
        start = int(found[1]) if found and self.hub.obeys_range else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("content-range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("content-length", str(len(content) - start))
        self.end_headers()
        end = start + self.hub.cuts.pop(0) if self.hub.cuts else len(content)
        self.wfile.write(content[start:end])
        if end < len(content):
            if self.hub.stalls:
                self.hub.resume.wait()
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("x-error-code", code)
        self.send_header("content-length", "0")
        self.end_headers()

    def _json(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
