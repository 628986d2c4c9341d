"""The host: a thread that comes, goes, and says nothing to nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading

import httpx
import pytest
import uvicorn

from fusion_site.rehearsal import host as hosting
from fusion_site.rehearsal.door import Door
from fusion_site.rehearsal.host import RehearsalHost
from tests.rehearsal.asking import body
from tests.rehearsal.conftest import until

CONFIG = hosting._config
NEVER = 0.001  # so slow that no script says its first word within a test


def models(host: RehearsalHost) -> int:
    """Give the status with which the host lists its models."""
    headers = {"Authorization": f"Bearer {host.key}"}
    return httpx.get(f"http://127.0.0.1:{host.port}/v1/models", headers=headers, trust_env=False).status_code


def waiting_long(door: Door) -> uvicorn.Config:
    """Give the host's settings, but let it wait for what still runs for longer than any test does."""
    config = CONFIG(door)
    config.timeout_graceful_shutdown = 600
    return config


def threads() -> int:
    return sum(thread.name == "rehearsal" for thread in threading.enumerate())


def test_it_answers_from_the_moment_it_has_started_and_is_gone_when_stopped() -> None:
    before = threads()
    host = RehearsalHost(50)
    with pytest.raises(RuntimeError):
        _ = host.port
    host.start()
    port = host.port
    host.start()
    assert host.port == port
    assert models(host) == 200
    host.stop()
    host.stop()
    assert threads() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_it_can_be_started_again() -> None:
    host = RehearsalHost(50)
    for _ in range(2):
        host.start()
        assert models(host) == 200
        host.stop()


def test_two_hosts_have_ports_and_keys_of_their_own(host: RehearsalHost) -> None:
    other = RehearsalHost(50)
    other.start()
    assert other.port != host.port
    assert other.key != host.key
    other.stop()
    assert models(host) == 200


def test_it_listens_on_loopback_alone(host: RehearsalHost) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", host.port))


def test_a_taken_port_is_an_error_at_once(host: RehearsalHost) -> None:
    before = threads()
    with pytest.raises(OSError, match="in use"):
        RehearsalHost(50, port=host.port).start()
    assert threads() == before


@pytest.mark.parametrize("speed", [0, -1])
def test_a_speed_has_to_be_above_nothing(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        RehearsalHost(speed)


def test_it_starts_within_a_running_loop() -> None:
    async def inside() -> int:
        host = RehearsalHost(50)
        host.start()
        status = await asyncio.to_thread(models, host)
        host.stop()
        return status

    assert asyncio.run(inside()) == 200


@pytest.mark.parametrize(
    ("model", "prompt"), [("rehearsal/scholar", "Explain tides"), ("rehearsal/moody", "fail:hang")]
)
@pytest.mark.parametrize("streamed", [True, False])
def test_a_script_stops_at_once_when_the_client_hangs_up(model: str, prompt: str, streamed: bool) -> None:
    host = RehearsalHost(NEVER)
    host.start()
    asked = httpx.Request(
        "POST",
        f"http://127.0.0.1:{host.port}/v1/chat/completions",
        headers={"Authorization": f"Bearer {host.key}"},
        json=body(model, prompt, stream=streamed),
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    with socket.create_connection(("127.0.0.1", host.port)) as client:
        client.sendall(f"POST {asked.url.path} HTTP/1.1\r\n{head}\r\n".encode() + asked.content)
        until(lambda: host.running == 1, "the script began")
    until(lambda: host.running == 0, "the script stopped")
    host.stop()


def test_stopping_breaks_every_script_off_and_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threads()
    monkeypatch.setattr(hosting, "_config", waiting_long)
    host = RehearsalHost(NEVER)
    host.start()
    headers = {"Authorization": f"Bearer {host.key}"}
    ended = threading.Event()

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(
                f"http://127.0.0.1:{host.port}/v1/chat/completions",
                headers=headers,
                json=body("rehearsal/scholar", "Explain tides", stream=True),
                timeout=None,
                trust_env=False,
            )
        ended.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    until(lambda: host.running == 1, "the script began")
    host.stop()
    assert threads() == before
    assert ended.wait(30)
    asking.join()


def test_many_scripts_are_said_side_by_side(host: RehearsalHost) -> None:
    async def all_of_them() -> list[int]:
        headers = {"Authorization": f"Bearer {host.key}"}
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(headers=headers, limits=limits, timeout=30, trust_env=False) as client:
            url = f"http://127.0.0.1:{host.port}/v1/chat/completions"
            asked = [
                client.post(url, json=body("rehearsal/planner", f"Explain tides {n}")) for n in range(60)
            ]
            return [response.status_code for response in await asyncio.gather(*asked)]

    assert asyncio.run(all_of_them()) == [200] * 60


def test_the_command_serves_programs_outside() -> None:
    env = {**os.environ, "FUSION_REHEARSAL_SPEED": "50", "FUSION_REHEARSAL_KEY": "from-outside"}
    command = [sys.executable, "-m", "fusion_site.rehearsal", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as running:
        try:
            assert running.stdout is not None
            url, key = running.stdout.readline().strip(), running.stdout.readline().strip()
            assert key == "from-outside"
            headers = {"Authorization": f"Bearer {key}"}
            answer = httpx.post(
                f"{url}/chat/completions",
                headers=headers,
                json=body("rehearsal/planner", "2+2"),
                timeout=20,
                trust_env=False,
            )
            assert "Answer: 4" in answer.json()["choices"][0]["message"]["content"]
        finally:
            running.terminate()
