"""The Compact host killed while it writes, alone and together with the server."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.compact.gguf_model import write_tiny_gguf
from tests.crash.theatre import COUNTED, Theatre
from tests.upstream import Script, Upstream


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, installed: tuple[Path, str]) -> Iterator[Theatre]:
    """Give a site that hosts a model which writes on and on."""
    data_dir, token = installed
    folder = tmp_path_factory.mktemp("compact")
    shutil.copytree(data_dir, folder / "var")
    model = write_tiny_gguf(folder / "tiny.gguf", name="tiny", context=32768)
    server = Upstream()
    theatre = Theatre(folder / "var", token, server, FUSION_COMPACT_MODEL=str(model))
    yield theatre
    theatre.close()
    server.close()


def host_of(theatre: Theatre) -> int:
    """Wait for the Compact host, the server's only child that serves a model, and give its process id."""
    found: list[int] = []

    def is_there() -> bool:
        with suppress(FileNotFoundError, ProcessLookupError):
            found[:] = hosts_of(theatre)
        return bool(found)

    theatre.until("the host", is_there)
    (host,) = found
    return host


def hosts_of(theatre: Theatre) -> list[int]:
    """Give which children of the server serve a model just now."""
    tasks = Path(f"/proc/{theatre.site.pid}/task").iterdir()
    children = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in children if b"fusion_site.compact" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def while_tiny_writes(theatre: Theatre) -> str:
    """Start a run of ada and the Compact model, and give its id once ada is done and rows hold some of the other's text."""
    theatre.plays(ada=Script(["ada ", "answers."], usage=COUNTED))
    connections = theatre.api("GET", "connections")["items"]
    compact = next(c["id"] for c in connections if c["kind"] == "compact")
    theatre.preset("merge", quorum=2)
    pool = next(p for p in theatre.api("GET", "pools")["items"] if p["name"] == "Pool")
    members = [pool["members"][0], {"connection": compact, "model": "tiny"}]
    theatre.api("PATCH", f"pools/{pool['id']}", {"members": members})
    (run_id,) = theatre.start(1, quorum=2)
    theatre.until("ada", lambda: theatre.count("runs_answer", "outcome = 'complete'") == 1)
    theatre.until("some text", lambda: bool(theatre.told(run_id, "tiny")))
    return run_id


def test_the_host_killed_while_it_writes(theatre: Theatre) -> None:
    run_id = while_tiny_writes(theatre)
    os.kill(host_of(theatre), signal.SIGKILL)
    theatre.all_ended()
    ada, tiny = theatre.api("GET", f"runs/{run_id}")["answers"]
    assert (ada["outcome"], tiny["outcome"]) == ("complete", "interrupted")
    assert tiny["text"] == theatre.told(run_id, "tiny") != ""
    # What this machine writes costs nothing, however it ends.
    assert theatre.api("GET", f"runs/{run_id}")["cost_complete"]


def test_the_host_and_the_server_killed_while_it_writes(theatre: Theatre) -> None:
    run_id = while_tiny_writes(theatre)
    host = host_of(theatre)
    theatre.kill()
    assert theatre.told(run_id, "tiny")
    with suppress(ProcessLookupError):
        # It may have noticed by now that nobody listens any more.
        os.kill(host, signal.SIGKILL)
    theatre.restart()
    theatre.until(
        "the second attempt", lambda: theatre.count("runs_answer", "model = 'tiny' AND attempt = 2") == 1
    )
    os.kill(host_of(theatre), signal.SIGKILL)
    theatre.all_ended()
    assert [asked.model for asked in theatre.upstream.ledger] == ["ada"]
    assert theatre.api("GET", f"runs/{run_id}")["cost_complete"]
