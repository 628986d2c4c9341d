"""What the server keeps up to date by itself: the catalogues of this machine's hosts, over real processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings

from fusion_site.accounts.models import Team
from fusion_site.compact.options import HostOptions
from fusion_site.compact.supervisor import Backoff, CompactSupervisor
from fusion_site.pools import compact_host
from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.models import CatalogueModel, Kind
from fusion_site.pools.reaching import close_providers
from fusion_site.runs.execution import upkeep
from fusion_site.runs.execution.upkeep import Upkeep, every
from tests.compact.gguf_model import write_tiny_gguf


def windows(team: Team, kind: Kind) -> dict[str, int | None]:
    """Give the context length of each model that a team knows of one of this machine's hosts."""
    rows = CatalogueModel.objects.filter(connection__team=team, connection__kind=kind)
    return dict(rows.values_list("model", "context_length"))


async def until(is_so: Callable[[], bool], within_s: float = 40.0) -> None:
    """Wait until rows say so."""
    async with asyncio.timeout(within_s):
        while not await sync_to_async(is_so)():
            await asyncio.sleep(0.02)


async def test_the_compact_catalogue_is_heard_whenever_its_host_becomes_ready(
    team: Team, settings: LazySettings, tmp_path: Path
) -> None:
    model = write_tiny_gguf(tmp_path / "small.gguf", name="small", context=2048)
    settings.FUSION_REHEARSAL, settings.FUSION_COMPACT_MODEL = False, model
    await sync_to_async(ensure_local_connections)()
    compact = CompactSupervisor(model, options=HostOptions(threads=1), backoff=Backoff(first=0.01))
    kept = Upkeep(compact)
    compact_host.supervised_by(compact)
    try:
        await compact.start()
        kept.start()
        await until(lambda: windows(team, Kind.COMPACT) == {"small": 2048})
        write_tiny_gguf(tmp_path / "next.gguf", name="next", context=4096).replace(model)
        first = compact.status().address
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: windows(team, Kind.COMPACT) == {"next": 4096})
    finally:
        await kept.stop()
        await compact.stop()
        compact_host.supervised_by(None)
        await close_providers()


async def test_the_rehearsal_catalogue_is_heard_at_the_start(team: Team) -> None:
    assert await sync_to_async(windows)(team, Kind.REHEARSAL) == {}
    kept = Upkeep(None)
    kept.start()
    try:
        await until(lambda: "rehearsal/judge" in windows(team, Kind.REHEARSAL))
    finally:
        await kept.stop()
        await close_providers()


async def test_a_chore_that_fails_is_logged_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    times = 0

    async def chore() -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise RuntimeError("no disk")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await every(0.0, chore)
    assert times == 2
    assert "no disk" in caplog.text
    assert upkeep.CATALOGUES_EVERY_S == 600
