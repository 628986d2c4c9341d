"""The process itself: its arguments, signals, and the machine it runs on."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO, cast

import httpx
import pytest

from fusion_site.compact.cores import usable_cores, wait_considerately
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.options import HostOptions
from tests.compact.hosting import KEY, PATIENCE, ROOT, chat, run_host


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_open_answers_and_then_the_process(tiny: Path, kind: signal.Signals) -> None:
    with run_host(tiny, "--context=8192") as host:
        host.report()
        body = chat("Go on", model="tiny", stream=True, max_tokens=8000)
        async with (
            host.client() as client,
            client.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            parts = answer.aiter_bytes()
            await anext(parts)
            host.process.send_signal(kind)
            events = b"".join([part async for part in parts]).decode().split("\n\n")
        last = json.loads([event for event in events if event][-1].removeprefix("data: "))
        assert last["error"]["code"] == "model_failed"
        assert "[DONE]" not in "".join(events)
        assert host.process.wait(PATIENCE) == 0


async def test_a_signal_fails_a_whole_answer_in_the_usual_shape(tiny: Path) -> None:
    with run_host(tiny, "--context=8192") as host:
        host.report()
        async with host.client() as client:
            body = chat("Go on", model="tiny", max_tokens=8000)
            asking = asyncio.create_task(client.post("/v1/chat/completions", json=body))
            while not await host.meter("slots_busy"):
                assert not asking.done()
            host.process.terminate()
            answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_failed")


def test_the_end_of_its_lifeline_ends_it(scripted: Path) -> None:
    with run_host(scripted) as host:
        assert host.report()["state"] == "ready"
        assert host.process.stdin is not None
        host.process.stdin.close()
        host.process.stdin = None
        assert host.process.wait(PATIENCE) == 1


async def test_the_key_may_come_from_a_file(scripted: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    with run_host(scripted, f"--key-file={tmp_path / 'key'}") as host:
        host.report()
        async with httpx.AsyncClient(base_url=host.base_url, trust_env=False) as client:
            right, wrong = [
                (await client.get("/v1/models", headers={"authorization": f"Bearer {key}"})).status_code
                for key in ("from the file", KEY)
            ]
        assert (right, wrong) == (200, 401)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--host=0.0.0.0"], "a key is needed"),
        (["--slots=0"], "slots must be"),
        (["--repack=2"], "repack must be 0 or 1"),
        (["--flash-attention=2"], "flash attention -1, 0 or 1"),
        (["--key-file=/nowhere/key"], "No such file"),
        (["--host=203.0.113.1", "--port=1", "--key-file=pyproject.toml"], "assign requested address"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    scripted: Path, arguments: list[str], complaint: str
) -> None:
    command = [sys.executable, "-m", "fusion_site.compact", f"--model={scripted}", *arguments]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={}, check=False)
    assert refused.returncode == 2
    assert complaint in refused.stderr


def test_a_context_that_memory_cannot_hold_is_refused_before_it_is_tried(scripted: Path) -> None:
    with run_host(scripted, "--context=2000000000") as host:
        report = host.report()
    assert report["state"] == "failed"
    assert report["error"].startswith("2000000000 tokens of context need 1024.0 GB of memory, and ")


def test_free_memory_is_what_the_system_says(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\nMemAvailable:      5 kB\n")
    assert free_bytes(tmp_path / "meminfo") == 5120
    assert free_bytes(tmp_path / "nothing") > 2**27


def test_options_come_from_the_environment_and_go_to_the_child() -> None:
    options = HostOptions.from_environment(
        {
            "FUSION_COMPACT_CONTEXT": "4096",
            "FUSION_COMPACT_SLOTS": "",
            "FUSION_COMPACT_TEMPLATE": "/srv/chat.jinja",
        }
    )
    assert options == HostOptions(context=4096, template="/srv/chat.jinja")
    assert "--template=/srv/chat.jinja" in options.arguments()
    assert "--context=4096" in options.arguments()
    assert "--gpu-layers=-1" in options.arguments()


def test_window_and_memory_fit_model_and_machine() -> None:
    assert HostOptions().window(trained=131072) == 8192
    assert HostOptions().window(trained=2048) == 2048
    assert HostOptions(context=32768).window(trained=131072) == 32768
    plenty = 10**9
    assert HostOptions(slots=2).memory(2048, plenty) == 4096
    assert HostOptions(slots=16).memory(2048, plenty) == 16 * 2048
    assert HostOptions(slots=16).memory(2048, 16 * 2048 - 1) == 4 * 2048
    assert HostOptions(slots=16).memory(2048, 5000) == 5000
    assert HostOptions(slots=16).memory(2048, 100) == 2048
    assert HostOptions(cells=1024).memory(2048, plenty) == 2048
    assert HostOptions(cells=65536).memory(2048, 5000) == 65536


def system_with(folder: Path, siblings: list[str], quota: str | None) -> Path:
    for cpu, listing in enumerate(siblings):
        topology = folder / f"devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{listing}\n")
    if quota is not None:
        (folder / "fs/cgroup").mkdir(parents=True)
        (folder / "fs/cgroup/cpu.max").write_text(f"{quota}\n")
    return folder


@pytest.mark.parametrize(
    ("siblings", "quota", "cores"),
    [
        (["0,2", "1,3", "0,2", "1,3"], None, 2),
        (["0", "1", "2", "3"], None, 4),
        (["0", "1", "2", "3"], "max 100000", 4),
        (["0", "1", "2", "3"], "150000 100000", 2),
        (["0", "1", "2", "3"], "5000 100000", 1),
        ([], None, 4),
    ],
)
def test_threads_follow_cores_and_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, siblings: list[str], quota: str | None, cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert usable_cores(system_with(tmp_path, siblings, quota)) == cores


@pytest.mark.parametrize(
    ("processor", "given", "left"),
    [
        ("vendor_id : GenuineIntel", {}, {"GOMP_SPINCOUNT": "3000"}),
        ("vendor_id : AuthenticAMD", {}, {"GOMP_SPINCOUNT": "10000"}),
        (None, {}, {"GOMP_SPINCOUNT": "10000"}),
        ("vendor_id : GenuineIntel", {"GOMP_SPINCOUNT": "9"}, {"GOMP_SPINCOUNT": "9"}),
        ("vendor_id : AuthenticAMD", {"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ],
)
def test_threads_spin_for_about_as_long_on_each_processor(
    tmp_path: Path, processor: str | None, given: dict[str, str], left: dict[str, str]
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if processor:
        cpuinfo.write_text(f"processor : 0\n{processor}\nflags : fpu avx2\n")
    wait_considerately(environment := dict(given), cpuinfo)
    assert environment == left


@pytest.mark.parametrize(("given", "spins"), [({}, "3000|10000"), ({"GOMP_SPINCOUNT": "77"}, "77")])
def test_its_threads_do_not_spin_for_long(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], spins: str
) -> None:
    """libgomp itself says what it took over."""
    monkeypatch.setenv("OMP_DISPLAY_ENV", "verbose")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with run_host(tiny) as host:
        assert host.report()["state"] == "ready"
        host.process.kill()
        assert re.search(f"GOMP_SPINCOUNT = '({spins})'", cast("TextIO", host.process.stderr).read())


@pytest.mark.parametrize("chosen", [None, "glibc.malloc.arena_max=2"])
def test_memory_is_asked_for_in_large_pages_unless_the_operator_says_otherwise(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    if chosen is None:
        monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    else:
        monkeypatch.setenv("GLIBC_TUNABLES", chosen)
    with run_host(tiny, "--context=32768", "--slots=4") as host:
        host.report()
        about = Path(f"/proc/{host.process.pid}")
        had = (about / "environ").read_bytes().split(b"\0")
        asked_for = any(
            " hg" in line for line in (about / "smaps").read_text().splitlines() if "VmFlags" in line
        )
    assert f"GLIBC_TUNABLES={chosen or 'glibc.malloc.hugetlb=1'}".encode() in had
    if "[madvise]" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text():
        assert asked_for is (chosen is None)
