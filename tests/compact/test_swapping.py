"""Another model put into service, and one unloaded since nobody asks: over real hosts, with answers under way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path

import pytest

from fusion_site.compact import supervisor as supervising
from fusion_site.compact.figures import Figures, History
from fusion_site.compact.files.templates import Templates
from fusion_site.compact.options import HostOptions
from fusion_site.compact.status import CompactStatus
from fusion_site.compact.supervisor import CompactSupervisor
from tests.compact.conftest import SCRIPT
from tests.compact.hosting import chat
from tests.compact.test_supervisor import client_of, gone, supervised, text_from

LONG = HostOptions(threads=1, context=8192)
LONG_ENOUGH = 1500  # tokens of an answer that is still being written when its host is stopped


@asynccontextmanager
async def streaming(supervisor: CompactSupervisor, tokens: int = 400) -> AsyncIterator[asyncio.Task[str]]:
    """An answer that is being written; the task gives the body as it came."""
    body = chat("Go on", model="tiny", stream=True, max_tokens=tokens)
    async with (
        client_of(supervisor) as client,
        client.stream("POST", "/chat/completions", json=body) as answer,
    ):
        parts = answer.aiter_text()
        first = await anext(parts)

        async def rest() -> str:
            return first + "".join([part async for part in parts])

        yield asyncio.create_task(rest())


async def prompt_tokens(supervisor: CompactSupervisor) -> int:
    async with client_of(supervisor) as client:
        asked = await client.post("/chat/completions", json=chat("Go on", model="tiny", max_tokens=1))
    return int(asked.json()["usage"]["prompt_tokens"])


def is_whole(body: str) -> bool:
    return '"finish_reason":"length"' in body and body.endswith("data: [DONE]\n\n")


def states(statuses: Iterable[CompactStatus]) -> list[str]:
    """The states in turn, each once for as long as it lasted."""
    return [state for state, _ in groupby(status.state for status in statuses)]


async def test_a_swap_drops_no_answer_and_leaves_no_gap(tiny: Path, scripted: Path) -> None:
    async with supervised(tiny, options=LONG) as supervisor:
        old = (await supervisor.wait_for("ready")).address
        assert old is not None
        async with streaming(supervisor, LONG_ENOUGH) as answer:
            os.kill(old.pid, signal.SIGSTOP)  # so that its answer is not over before the other host is up
            before = len(supervisor.had)
            assert await supervisor.swap(scripted)
            assert states(supervisor.had[before:]) == ["ready"]
            loading = await supervisor.first(lambda status: status.incoming_share is not None)
            assert loading.incoming == scripted.name
            assert await text_from(supervisor, "scripted") == SCRIPT
            assert not answer.done()
            os.kill(old.pid, signal.SIGCONT)
            assert is_whole(await answer)
        status = supervisor.status()
        assert (status.model_id, status.file, status.incoming) == ("scripted", scripted, None)
        assert gone(old.pid)
        assert await text_from(supervisor, "scripted") == SCRIPT


async def test_a_template_set_for_a_file_is_taken_without_breaking_an_answer(
    tiny: Path, tmp_path: Path
) -> None:
    templates = Templates(tmp_path / "templates")
    async with supervised(tiny, options=LONG, templates=templates) as supervisor:
        await supervisor.wait_for("ready")
        before = await prompt_tokens(supervisor)
        async with streaming(supervisor) as answer:
            templates.keep(tiny, "{% for m in messages %}{{ m.content }}{% endfor %}")
            old = supervisor.status().address
            supervisor.begin_reload()
            await supervisor.wait_until(lambda status: status.address != old and status.state == "ready")
            assert is_whole(await answer)
        assert (before, await prompt_tokens(supervisor)) == (len("Go on") + 4, len("Go on"))


async def test_of_two_files_that_come_at_once_the_page_always_says_which_is_next(
    tiny: Path, scripted: Path, tmp_path: Path
) -> None:
    (page := tmp_path / "page.gguf").write_bytes(b"<html>404</html>")
    async with supervised(tiny) as supervisor:
        await supervisor.wait_for("ready")
        before = len(supervisor.had)
        first, second = (asyncio.create_task(supervisor.swap(model)) for model in (page, scripted))
        assert (await first, await second) == (False, True)
        incoming = [name for name, _ in groupby(status.incoming for status in supervisor.had[before:])]
        assert incoming == ["page.gguf", scripted.name, None]


async def test_a_file_that_is_no_model_does_not_take_over(tiny: Path, tmp_path: Path) -> None:
    (page := tmp_path / "page.gguf").write_bytes(b"<html>404</html>")
    async with supervised(tiny) as supervisor:
        before = await supervisor.wait_for("ready")
        refused = asyncio.Event()

        async def hear() -> None:
            refused.set()

        supervisor.begin_swap(page, hear)
        await asyncio.sleep(0)
        assert supervisor.status().incoming == "page.gguf"
        await refused.wait()
        assert supervisor.status().incoming is None
        after = supervisor.status()
        assert (after.state, after.address, after.file) == ("ready", before.address, tiny)
        assert after.error == (
            "page.gguf was not put into service: page.gguf is not a GGUF file: it does not begin with the letters GGUF"
        )
        assert len(await text_from(supervisor, "tiny")) == 200


async def test_where_both_do_not_fit_the_old_one_finishes_first(
    tiny: Path, scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "free_bytes", lambda: 1000)
    async with supervised(tiny, options=LONG) as supervisor:
        old = (await supervisor.wait_for("ready")).address
        assert old is not None
        async with streaming(supervisor, LONG_ENOUGH) as answer:
            os.kill(old.pid, signal.SIGSTOP)
            before = len(supervisor.had)
            swap = asyncio.create_task(supervisor.swap(scripted))
            draining = await supervisor.wait_for("draining")
            assert draining.is_about_to_change
            assert not answer.done()
            os.kill(old.pid, signal.SIGCONT)
            assert await swap
            assert states(supervisor.had[before:]) == ["ready", "draining", "loading", "ready"]
            assert is_whole(await answer)
        assert await text_from(supervisor, "scripted") == SCRIPT


async def test_it_tells_how_it_works_and_frees_its_memory_once_nobody_asks(tiny: Path) -> None:
    async with supervised(tiny, options=LONG) as supervisor:
        up = await supervisor.wait_for("ready")
        assert up.address is not None
        async with streaming(supervisor, tokens=1500) as answer:
            busy = await supervisor.first(lambda status: status.figures.busy == 1)
            assert busy.facts is not None
            assert busy.host is not None
            assert (busy.facts.quantisation, busy.host.window, busy.host.slots) == ("F32", 8192, 8)
            assert is_whole(await answer)
        done = await supervisor.wait_until(lambda status: status.figures.finished == 1)
        assert (done.figures.written, done.figures.busy) == (1500, 0)
        assert done.figures.memory is None or done.figures.memory > 2**24
        supervisor.idle_s = 0.2
        asleep = await supervisor.wait_for("asleep")
        assert asleep.address is None
        assert gone(up.address.pid)
        supervisor.idle_s = 0
        await asyncio.to_thread(supervisor.wake)
        assert (await supervisor.wait_for("ready")).restarts == 0
        assert len(await text_from(supervisor, "tiny")) == 200


def test_rates_outlive_the_host_that_earned_them() -> None:
    history = History()
    history.take(Figures(written=50, read=10), now=101)
    history.take(Figures(written=100, read=10), now=104)
    history.begin()
    history.take(Figures(written=30), now=106)
    newest = history.rates(now=112)
    assert [(rate.written, rate.read) for rate in newest[-2:]] == [(20, 2), (6, 0)]
    assert newest[-1].ago_s == 2
    assert len(newest) == 60
    assert all(rate.written == 0 for rate in history.rates(now=1000))
