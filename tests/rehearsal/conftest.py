"""The scripted models on a real port, hurried fifty times, and a client that holds their key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from fusion_site.rehearsal.host import RehearsalHost

SPEED = 50.0


def until(is_so: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Wait for a condition; fails, naming it, when it does not come true in time."""
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.002)


@pytest.fixture(scope="package")
def host() -> Iterator[RehearsalHost]:
    """Give the running host."""
    running = RehearsalHost(SPEED)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(host: RehearsalHost) -> Iterator[httpx.Client]:
    """Give an HTTP client of the host, with its key."""
    headers = {"Authorization": f"Bearer {host.key}"}
    with httpx.Client(
        base_url=f"http://127.0.0.1:{host.port}/v1", headers=headers, timeout=20, trust_env=False
    ) as made:
        yield made
