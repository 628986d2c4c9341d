"""Reading streams: how fast next to a bare loop, and with how much memory.

The bare loop reads the same bytes with httpx and calls orjson on each data line; it keeps no clocks, checks no shapes
and survives nothing. The goal is two thirds of its rate.
"""

from __future__ import annotations

import asyncio
import resource
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from fusion_site.engine.asking import AskFinished, AskText, ErrorKind, Outcome
from fusion_site.providers import Endpoint, Providers
from fusion_site.providers.body import WIRE_CAP
from tests.bench.source import serving, text_of
from tests.providers.server import TRUSTED, asker_for, question

GOAL, MARGIN = 2 / 3, 0.9
ROUNDS, THOUSANDS = 9, 20
MIB = 1 << 20
MOST_GROWTH = 8 * MIB

Reading = Callable[[str], Awaitable[int]]


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    """Give the base URL of a source in another process."""
    with serving() as base_url:
        yield base_url


async def bare(base_url: str) -> int:
    """Read a stream by the bare loop, and give how many chunks there were with the one that finishes."""
    chunks, rest = 0, b""
    url = httpx.URL(base_url)
    url = url.copy_with(path=f"{url.path}/chat/completions")
    async with (
        httpx.AsyncClient(trust_env=False, verify=TRUSTED, timeout=60) as client,
        client.stream("POST", url, content=b"{}") as response,
    ):
        async for data in response.aiter_raw():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    orjson.loads(line[6:])
                    chunks += 1
    return chunks


async def ours(base_url: str) -> int:
    """Read a stream through Providers, and give the length of its text."""
    size, last = await _asked(base_url)
    assert last.outcome is Outcome.COMPLETE
    return size


async def _asked(base_url: str) -> tuple[int, AskFinished]:
    providers = Providers(frozenset({urlsplit(base_url).netloc}), tls=TRUSTED)
    size, last = 0, None
    async for event in asker_for(providers, Endpoint(base_url, None, "openai")).ask(question()):
        if isinstance(event, AskText):
            size += len(event.text)
        elif isinstance(event, AskFinished):
            last = event
    await providers.aclose()
    assert last is not None
    return size, last


async def seconds(read: Reading, expected: int, base_url: str) -> tuple[float, float]:
    """Give the time and the processor time of this process that one stream takes."""
    wall, work = time.perf_counter(), time.process_time()
    assert await read(base_url) == expected
    return time.perf_counter() - wall, time.process_time() - work


def test_an_endless_stream_is_cut_off_and_leaves_memory_alone(source: str) -> None:
    """Comes first: memory is told by the highest mark of the process, which later benches may raise."""
    asyncio.run(ours(f"{source}?thousands=2"))
    before = _resident()
    size, last = asyncio.run(_asked(source))
    growth = _resident() - before
    print(
        f"\nan endless stream: cut off at {WIRE_CAP / MIB:.0f} MiB, resident memory grew by {growth / MIB:.1f} MiB"
    )
    assert last.outcome is Outcome.ERROR
    assert last.error is not None
    assert (last.error.kind, size > 0) == (ErrorKind.PROTOCOL, True)
    assert growth < MOST_GROWTH


@pytest.mark.parametrize("flush", [1, 10])
def test_chunks_per_second(source: str, flush: int) -> None:
    """Rounds alternate, so that whatever else the machine does meets both; the verdict is on processor time."""
    base_url = f"{source}?thousands={THOUSANDS}&flush={flush}"
    readers = ((bare, THOUSANDS * 1000 + 1), (ours, len(text_of(THOUSANDS))))
    pairs = [[asyncio.run(seconds(*reader, base_url)) for reader in readers] for _ in range(ROUNDS)]
    best = [THOUSANDS * 1000 / min(pair[who][0] for pair in pairs) for who in (0, 1)]
    by_time, by_work = (median(theirs[n] / own[n] for theirs, own in pairs) for n in (0, 1))
    print(
        f"\nchunks per second, flushed by {flush}: bare loop {best[0]:,.0f}, Providers {best[1]:,.0f} (best of {ROUNDS})"
        f"\nratio, median of {ROUNDS} rounds: {by_time:.2f} by the clock, {by_work:.2f} by processor time"
        f" (goal {GOAL:.2f})"
    )
    assert by_work >= GOAL * MARGIN


def test_memory_does_not_grow_with_the_stream(source: str) -> None:
    short, long = (asyncio.run(_peak(f"{source}?thousands={thousands}")) for thousands in (2, 40))
    print(f"\npeak while reading: {short / MIB:.2f} MiB of 2,000 chunks, {long / MIB:.2f} MiB of 40,000")
    assert long < short + MIB


async def _peak(base_url: str) -> int:
    """Give the most bytes that Python held at once beyond those it held before."""
    await ours(base_url.replace("=40", "=2"))  # what is made once is made now
    tracemalloc.start()
    try:
        await ours(base_url)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _resident() -> int:
    """Give the most bytes that this process ever had in memory (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
