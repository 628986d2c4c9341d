"""Many who ask at the same moment."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.site_process import Site


@dataclass
class Answer:
    """What came back: status, headers, and the JSON of the body."""

    status: int
    headers: dict[str, str]
    body: Any


def at_once(
    sites: Sequence[Site],
    token: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    times: int = 100,
    **headers: str,
) -> list[Answer]:
    """Send the same request from many threads to the sites in turn, each over a connection that stands already."""
    together = threading.Barrier(times)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}

    def send(number: int) -> Answer:
        site = sites[number % len(sites)]
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
        connection.connect()
        together.wait(120)
        connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), json.loads(response.read()))
        connection.close()
        return answer

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(send, range(times)))


def statuses(answers: list[Answer]) -> dict[int, int]:
    """Count the answers by status."""
    return dict(Counter(answer.status for answer in answers))
