"""Real servers with real models on this machine: `llama_cpp.server`, and the Compact host of this site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fusion_site.engine.asking import (
    Ask,
    AskAccepted,
    Asker,
    AskEvent,
    AskFinished,
    AskQueued,
    AskStarted,
    AskText,
    ErrorKind,
    Outcome,
    Usage,
)
from fusion_site.providers import Clocks, Endpoint, Providers
from tests.compact.gguf_model import write_tiny_gguf
from tests.compact.hosting import RunningHost, run_host
from tests.providers.real_servers import CONTEXT, WITHIN_S, run_llama_cpp_server
from tests.providers.server import TRUSTED, Result, asker_for, question

SAID = "Grüße aus 東京 🎉👩‍🚀! The lantern keeper said: carry on.\n\n- eins\n- zwei ½\n"
KEY = "sk-host-12345"
CLOCKS = Clocks(first_s=WITHIN_S, idle_s=WITHIN_S, total_s=WITHIN_S)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a model that says SAID and stops, and one that writes without end."""
    folder = tmp_path_factory.mktemp("real-servers")
    write_tiny_gguf(folder / "scripted.gguf", name="scripted", script=SAID)
    write_tiny_gguf(folder / "tiny.gguf", context=8192)
    return folder


@pytest.fixture(scope="module")
def llama_cpp(models: Path) -> Iterator[Endpoint]:
    """Give a running `llama_cpp.server` as the connection form makes it: one request at a time."""
    with run_llama_cpp_server(models, models / "scripted.gguf", models / "tiny.gguf") as base_url:
        yield Endpoint(base_url, None, "openai", parallel=1)


@pytest.fixture(scope="module")
def scripted_host(models: Path) -> Iterator[RunningHost]:
    """Give the Compact host of the model that says SAID."""
    with run_host(models / "scripted.gguf", f"--context={CONTEXT}", key=KEY) as host:
        assert host.report()["state"] == "ready"
        yield host


@pytest.fixture(scope="module")
def endless_host(models: Path) -> Iterator[RunningHost]:
    """Give the Compact host of the model that writes without end."""
    with run_host(models / "tiny.gguf", "--context=8192", "--cells=32768", key=KEY) as host:
        assert host.report()["state"] == "ready"
        yield host


def compact(host: RunningHost) -> Endpoint:
    """Give a Compact host as the site reaches it."""
    return Endpoint(f"{host.base_url}/v1", KEY, "compact")


@asynccontextmanager
async def asking(endpoint: Endpoint) -> AsyncIterator[Asker]:
    """Give a way to ask the server, for at most a minute."""
    providers = Providers(frozenset({urlsplit(endpoint.base_url).netloc}), clocks=CLOCKS, tls=TRUSTED)
    async with asyncio.timeout(WITHIN_S):
        yield asker_for(providers, endpoint)
    await providers.aclose()


async def asked(asker: Asker, ask: Ask) -> Result:
    """Ask once, and give what came."""
    return Result([event async for event in asker.ask(ask)])


async def told(endpoint: Endpoint, ask: Ask) -> Result:
    """Ask the server once, and give what came."""
    async with asking(endpoint) as asker:
        return await asked(asker, ask)


async def test_llama_cpp_server_gives_its_text_exactly_and_no_usage(llama_cpp: Endpoint) -> None:
    result = await told(llama_cpp, question(model="scripted"))
    assert (result.text, result.outcome) == (SAID, Outcome.COMPLETE)
    assert not result.finished.unconfirmed
    assert (result.finished.usage, result.finished.cost_usd) == (Usage(), None)


async def test_llama_cpp_server_is_asked_one_request_at_a_time(llama_cpp: Endpoint) -> None:
    """Its default is to cut off the running answer when another request comes: the queue keeps that from happening."""
    log: list[tuple[int, AskEvent]] = []

    async def ask(asker: Asker, number: int) -> Result:
        events = []
        async for event in asker.ask(question(model="tiny", max_tokens=120)):
            log.append((number, event))
            events.append(event)
        return Result(events)

    async with asking(llama_cpp) as asker:
        results = await asyncio.gather(*(ask(asker, number) for number in range(3)))
    assert [result.outcome for result in results] == [Outcome.TRUNCATED] * 3
    assert all(len(result.text) >= 100 for result in results)
    places = [(number, event.place) for number, event in log if isinstance(event, AskQueued)]
    assert places == [(1, 1), (2, 2), (2, 1)]
    turns = [number for number, event in log if isinstance(event, AskStarted | AskFinished)]
    assert turns == [0, 0, 1, 1, 2, 2]


async def test_an_overflow_of_llama_cpp_server_is_an_error_and_not_an_empty_answer(
    llama_cpp: Endpoint,
) -> None:
    """It answers 200 with an empty stream, and drops the connection: the next ask goes through all the same."""
    async with asking(llama_cpp) as asker:
        result = await asked(asker, question("long " * CONTEXT, model="tiny"))
        assert (result.outcome, result.text) == (Outcome.ERROR, "")
        assert result.error.kind is ErrorKind.PROTOCOL
        assert (await asked(asker, question(model="scripted"))).text == SAID


async def test_a_stopped_answer_leaves_llama_cpp_server_to_the_next(llama_cpp: Endpoint) -> None:
    async with asking(llama_cpp) as asker:
        async with writing(asker, question(model="tiny", max_tokens=400)):
            pass
        assert (await asked(asker, question(model="scripted"))).text == SAID


async def test_the_compact_host_gives_its_text_exactly_and_counts_tokens(scripted_host: RunningHost) -> None:
    result = await told(compact(scripted_host), question(model="scripted"))
    assert (result.text, result.outcome) == (SAID, Outcome.COMPLETE)
    usage = result.finished.usage
    assert usage.prompt_tokens is not None
    assert usage.completion_tokens is not None
    assert usage.prompt_tokens > 0
    assert 0 < usage.completion_tokens <= len(SAID.encode())


async def test_an_overflow_of_the_compact_host_is_typed(scripted_host: RunningHost) -> None:
    result = await told(compact(scripted_host), question("long " * CONTEXT, model="scripted"))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.CONTEXT_LENGTH)
    assert (result.error.status, result.error.retryable) == (400, False)


async def test_a_wrong_key_of_the_compact_host_is_typed(scripted_host: RunningHost) -> None:
    wrong = Endpoint(f"{scripted_host.base_url}/v1", "sk-wrong", "compact")
    result = await told(wrong, question(model="scripted"))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.AUTH)
    assert "sk-wrong" not in result.error.message


async def test_a_stopped_answer_frees_the_compact_host(endless_host: RunningHost) -> None:
    async with asking(compact(endless_host)) as asker:
        async with writing(asker, question(model="tiny", max_tokens=8000)):
            assert await busy_slots(endless_host) == 1
        while await busy_slots(endless_host):
            pass  # each turn is a request to the host; `asking` bounds them
        assert (await asked(asker, question(model="tiny", max_tokens=5))).outcome is Outcome.TRUNCATED


async def test_what_the_compact_host_has_read_ahead_is_in_its_memory_when_it_is_asked(
    endless_host: RunningHost,
) -> None:
    async with asking(compact(endless_host)) as asker:
        wanted = question("What a judge will be asked. " * 40, model="tiny", max_tokens=3)
        await asker.read_ahead(wanted)
        usage = (await asked(asker, wanted)).finished.usage
    assert usage.prompt_tokens is not None
    assert usage.cached_tokens == usage.prompt_tokens - 1


async def test_the_place_in_the_hosts_own_queue_is_told(endless_host: RunningHost) -> None:
    """Memory is there for four full windows: the fifth waits until one of them is given up."""
    async with asking(compact(endless_host)) as asker, AsyncExitStack() as writers:
        for _ in range(3):
            await writers.enter_async_context(writing(asker, question(model="tiny", max_tokens=8000)))
        first = await AsyncExitStack().__aenter__()
        await first.enter_async_context(writing(asker, question(model="tiny", max_tokens=8000)))
        kinds = []
        async with aclosing(asker.ask(question(model="tiny", max_tokens=8000))) as events:
            async for event in events:
                kinds.append(type(event))
                if event == AskQueued(1):
                    await first.aclose()
                elif isinstance(event, AskText):
                    break
    assert kinds == [AskStarted, AskAccepted, AskQueued, AskAccepted, AskText]


async def busy_slots(host: RunningHost) -> int:
    """Give how many answers the host writes at the moment, by its own count."""
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(trust_env=False, verify=TRUSTED, timeout=WITHIN_S) as client:
        lines = (await client.get(f"{host.base_url}/metrics", headers=headers)).text.splitlines()
    return int(float(next(line for line in lines if line.startswith("compact_slots_busy ")).split()[1]))


@asynccontextmanager
async def writing(asker: Asker, ask: Ask) -> AsyncIterator[None]:
    """Keep an ask open once its first text is there, and give it up at the end of the block, as who presses stop."""
    async with aclosing(asker.ask(ask)) as events:
        async for event in events:
            assert not isinstance(event, AskFinished)
            if isinstance(event, AskText):
                break
        yield
