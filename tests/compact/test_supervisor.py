"""The supervisor, over real child processes: started, killed, given bad files, and outlived by nothing."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fusion_site.compact.child import environment, explain
from fusion_site.compact.life import NOT_REPACKED
from fusion_site.compact.options import HostOptions
from fusion_site.compact.statefile import Address, read_state_file, write_state_file
from fusion_site.compact.status import CompactStatus
from fusion_site.compact.supervisor import Backoff, CompactSupervisor, State
from tests.bench.midsize import write_midsize_gguf
from tests.compact import gguf_model
from tests.compact.conftest import SCRIPT
from tests.compact.gguf_model import write_tiny_gguf
from tests.compact.hosting import PATIENCE, ROOT, chat

OPTIONS = HostOptions(threads=1)
AT_ONCE = Backoff(first=0.01)


class Remembered(CompactSupervisor):
    """A supervisor that keeps every status it had: some last so short that who waits may find the next one already."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.had: list[CompactStatus] = []

    def _become(self, **changes: Any) -> None:
        super()._become(**changes)
        self.had.append(self.status())

    async def first(self, is_so: Callable[[CompactStatus], bool]) -> CompactStatus:
        """The first status ever of which that is so."""
        await self.wait_until(lambda _: any(map(is_so, self.had)))
        return next(filter(is_so, self.had))


@asynccontextmanager
async def supervised(model: Path, **settings: Any) -> AsyncIterator[Remembered]:
    defaults: dict[str, Any] = {"options": OPTIONS, "backoff": AT_ONCE}
    supervisor = Remembered(model, **defaults | settings)
    await supervisor.start()
    try:
        async with asyncio.timeout(PATIENCE):
            yield supervisor
    finally:
        await supervisor.stop()


def client_of(supervisor: CompactSupervisor) -> httpx.AsyncClient:
    address = supervisor.status().address
    assert address is not None
    headers = {"authorization": f"Bearer {address.key}"}
    return httpx.AsyncClient(base_url=address.base_url, headers=headers, timeout=PATIENCE, trust_env=False)


async def text_from(supervisor: CompactSupervisor, model: str) -> str:
    async with client_of(supervisor) as client:
        response = await client.post("/chat/completions", json=chat("Hi", model=model, max_tokens=200))
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def gone(pid: int, seconds: float = PATIENCE) -> bool:
    """Whether the process ends in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


async def test_it_brings_the_model_up_and_takes_it_down(scripted: Path, tmp_path: Path) -> None:
    state_file = tmp_path / "var" / "compact.json"
    async with supervised(scripted, state_file=state_file) as supervisor:
        status = await supervisor.wait_for("ready", "failed")
        assert (status.state, status.model_id, status.error, status.restarts) == (
            "ready",
            "scripted",
            None,
            0,
        )
        assert await text_from(supervisor, "scripted") == SCRIPT
        assert stat.S_IMODE(state_file.stat().st_mode) == 0o600
        assert read_state_file(state_file) == status.address
        assert status.address is not None
        assert status.address.key not in repr(status)
    assert supervisor.status().state == "off"
    assert gone(status.address.pid)
    assert not state_file.exists()


async def test_a_host_killed_in_the_middle_of_an_answer_comes_back(tiny: Path, tmp_path: Path) -> None:
    state_file = tmp_path / "compact.json"
    async with supervised(
        tiny, state_file=state_file, options=HostOptions(threads=1, context=8192)
    ) as supervisor:
        first = (await supervisor.wait_for("ready")).address
        assert first is not None
        with pytest.raises(httpx.RemoteProtocolError):
            await stream_and_kill(supervisor, first.pid)
        down = await supervisor.first(lambda status: status.state in {"restarting", "failed"})
        assert down.state == "restarting"
        assert down.error == (
            "The model process was killed (SIGKILL); on a machine that is short of memory the system does this."
        )
        up = await supervisor.wait_for("ready")
        assert (up.error, up.error_at, up.restarts) == (down.error, down.error_at, 1)
        assert down.error_at is not None
        assert up.host is not None
        assert up.address is not None
        assert up.address.key != first.key
        assert read_state_file(state_file) == up.address
        assert len(await text_from(supervisor, "tiny")) == 200


async def stream_and_kill(supervisor: CompactSupervisor, pid: int) -> None:
    body = chat("Go on", model="tiny", stream=True, max_tokens=8000)
    async with (
        client_of(supervisor) as client,
        client.stream("POST", "/chat/completions", json=body) as answer,
    ):
        parts = answer.aiter_bytes()
        await anext(parts)
        os.kill(pid, signal.SIGKILL)
        async for _ in parts:
            pass


async def test_a_file_that_is_no_model_is_a_status(tmp_path: Path) -> None:
    model = tmp_path / "page.gguf"
    model.write_bytes(b"<html>404</html>")
    async with supervised(model) as supervisor:
        status = await supervisor.wait_for("failed", "ready")
    assert status.state == "failed"
    assert status.error == "page.gguf is not a GGUF file: it does not begin with the letters GGUF"
    assert status.address is None


async def test_a_file_that_crashes_the_process_is_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed-forward layer without width passes the loader's checks and fails an assertion, which aborts."""
    monkeypatch.setattr(gguf_model, "FEED_FORWARD", 0)
    async with supervised(write_tiny_gguf(tmp_path / "aborts.gguf")) as supervisor:
        status = await supervisor.wait_for("failed", "ready")
    assert status.state == "failed"
    assert str(status.error).startswith("The model process crashed (SIGABRT): ggml.c:")
    assert "GGML_ASSERT" in str(status.error)


@pytest.mark.parametrize(("refused", "state"), [("--repack=1", "ready"), ("--repack=", "failed")])
async def test_a_library_that_crashes_in_matrix_instructions_is_used_without_them(
    scripted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, state: State
) -> None:
    """A stand-in for Python dies of an unknown instruction where it is told to repack, or in any case."""
    (python := tmp_path / "python").write_text(
        f'#!/bin/sh\ncase "$*" in *{refused}*) kill -ILL $$;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    async with supervised(scripted) as supervisor:
        status = await supervisor.wait_for("failed", "ready")
        assert status.state == state
        if state == "ready":
            assert status.warning == NOT_REPACKED
            assert await text_from(supervisor, "scripted") == SCRIPT
        else:
            assert status.warning == ""
            assert "does not take; install it anew" in str(status.error)


async def test_a_quantised_file_is_computed_by_what_was_installed_here(tmp_path: Path) -> None:
    """On processors with AMX, a llama.cpp that was not built as `ops/install.py` does it would crash."""
    async with supervised(write_midsize_gguf(tmp_path / "quantised.gguf", layers=1)) as supervisor:
        status = await supervisor.wait_for("failed", "ready")
        assert (status.state, status.error) == ("ready", None)
        assert NOT_REPACKED not in status.warning


async def test_a_wrong_setting_is_a_status(scripted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, reason in (
        ("many", "FUSION_COMPACT_SLOTS must be a whole number"),
        ("1000", "between 1 and 255"),
    ):
        monkeypatch.setenv("FUSION_COMPACT_SLOTS", value)
        async with supervised(scripted, options=None) as supervisor:
            status = await supervisor.wait_for("failed", "ready")
        assert status.state == "failed"
        assert reason in str(status.error)


async def test_settings_of_the_environment_reach_the_host(
    scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_COMPACT_CONTEXT", "512")
    async with supervised(scripted, options=None) as supervisor:
        await supervisor.wait_for("ready")
        async with client_of(supervisor) as client:
            assert (await client.get("/models")).json()["data"][0]["context_length"] == 512


async def test_a_replaced_file_is_tried_at_once(tmp_path: Path, scripted: Path) -> None:
    """Nobody has to restart the site after copying the right file over the wrong one, and no minute has to pass."""
    model = tmp_path / "model.gguf"
    async with supervised(model, backoff=Backoff(first=3600, most=3600)) as supervisor:
        missing = await supervisor.wait_for("failed")
        assert missing.error == f"{model} cannot be read: No such file or directory"
        scripted_copy = tmp_path / "copy"
        scripted_copy.write_bytes(scripted.read_bytes())
        scripted_copy.replace(model)
        assert (await supervisor.wait_for("ready")).model_id == "scripted"


async def test_stop_works_at_any_moment(scripted: Path) -> None:
    states: tuple[State, ...] = ("loading", "ready")
    for state in states:
        async with supervised(scripted) as supervisor:
            await supervisor.wait_for(state)
        assert supervisor.status().state == "off"
    never = CompactSupervisor(scripted)
    await never.stop()
    assert never.status().state == "off"


def test_the_host_dies_with_a_killed_parent(scripted: Path, tmp_path: Path) -> None:
    """kill -9 on the site gives it no chance to tell its child."""
    state_file = tmp_path / "compact.json"
    program = (
        "import asyncio, sys, pathlib\n"
        "from fusion_site.compact.supervisor import CompactSupervisor\n"
        "async def main():\n"
        "    supervisor = CompactSupervisor(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
        "    await supervisor.start()\n"
        "    print((await supervisor.wait_for('ready')).address.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(scripted), str(state_file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert read_state_file(state_file) is not None
        parent.kill()
    assert gone(child)
    assert read_state_file(state_file) is None  # the file is still there, but its process is not


def test_crashes_are_followed_by_longer_and_longer_pauses() -> None:
    backoff = Backoff(first=0.5, most=60)
    assert [backoff.delay(crashes) for crashes in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert backoff.delay(50) == 60


def test_the_child_gets_none_of_the_sites_secrets() -> None:
    ours = {
        "PATH": "/bin",
        "FUSION_SECRET_KEY": "s",
        "DATABASE_URL": "d",
        "CUDA_VISIBLE_DEVICES": "0",
        "HOMEX": "h",
    }
    assert set(environment(ours, "k")) == {
        "PATH",
        "CUDA_VISIBLE_DEVICES",
        "PYTHONPATH",
        "FUSION_COMPACT_KEY",
        "GGML_NO_BACKTRACE",
        "GLIBC_TUNABLES",
    }


@pytest.mark.parametrize(
    ("code", "tail", "said"),
    [
        (1, "", "The model process ended with exit code 1."),
        (-11, "x\ny\n", "The model process crashed (SIGSEGV): y"),
        (
            -6,
            "CUDA error: out of memory\nnoise\n",
            "The model process crashed (SIGABRT): CUDA error: out of memory",
        ),
    ],
)
def test_a_death_is_explained(code: int, tail: str, said: str) -> None:
    assert explain(code, tail) == said


def test_a_state_file_is_for_its_owner_and_for_living_hosts(tmp_path: Path) -> None:
    path = tmp_path / "compact.json"
    assert read_state_file(path) is None
    write_state_file(path, Address("127.0.0.1", 5, "k", os.getpid()))
    assert read_state_file(path) == Address("127.0.0.1", 5, "k", os.getpid())
    assert [entry.name for entry in tmp_path.iterdir()] == ["compact.json"]
    path.write_text("{}")
    assert read_state_file(path) is None
    path.write_text(json.dumps({"host": "::1", "port": 5, "key": "k", "pid": os.getpid()}))
    address = read_state_file(path)
    assert address is not None
    assert address.base_url == "http://[::1]:5/v1"
