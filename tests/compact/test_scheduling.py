"""Many answers at once from one model: none disturbs another, none holds a place it no longer needs."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import httpx
import numpy as np
import pytest

from fusion_site.compact import native
from fusion_site.compact.context import Context
from fusion_site.compact.options import HostOptions
from fusion_site.compact.rows import Rows
from fusion_site.compact.template import Message
from fusion_site.compact.weights import LoadedModel
from tests.compact.hosting import KEY, PATIENCE, RunningHost, chat

LENGTH = 40
ENDLESS = 8000


async def text_of(client: httpx.AsyncClient, content: str, **settings: Any) -> str:
    response = await client.post("/v1/chat/completions", json=chat(content, model="tiny", **settings))
    response.raise_for_status()
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


@asynccontextmanager
async def open_stream(
    client: httpx.AsyncClient, content: str, **settings: Any
) -> AsyncIterator[AsyncGenerator[str]]:
    """A streamed answer in progress, as the lines that arrive."""
    body = chat(content, model="tiny", stream=True, temperature=0, **settings)
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        yield (line async for line in response.aiter_lines() if line)


def raw_request(body: dict[str, Any]) -> bytes:
    """An HTTP request for one chat answer, after which the connection closes."""
    data = json.dumps(body).encode()
    headers = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {KEY}",
        "connection": "close",
        "content-length": str(len(data)),
    }
    lines = ["POST /v1/chat/completions HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + data


async def first_text(lines: AsyncIterator[str]) -> str:
    async for line in lines:
        if line.startswith("data: {") and (text := content_of(line)):
            return text
    raise AssertionError("the stream ended before any text")


def content_of(line: str) -> str:
    choices = json.loads(line[6:])["choices"]
    return choices[0]["delta"].get("content", "") if choices else ""


async def until(met: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Ask until `met()` holds."""
    end = time.monotonic() + seconds
    while not await met():
        assert time.monotonic() < end, "it did not happen in time"


async def waiting(host: RunningHost, many: int) -> bool:
    return await host.meter("waiting") == many


async def until_begun(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The lines before the one that says that it is being answered."""
    async for line in lines:
        if line == ": begun":
            return
        yield line


async def idle(host: RunningHost) -> bool:
    return await host.meter("slots_busy") == 0 and await host.meter("waiting") == 0


# --- the same text, alone or among others -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(loaded: LoadedModel) -> Iterator[Context]:
    """A context of its own in this process: the reference, without any scheduler."""
    context = Context(loaded, HostOptions(slots=1, context=1024, threads=1))
    yield context
    context.free()


def greedy(loaded: LoadedModel, context: Context, content: str) -> tuple[str, float]:
    """The likeliest continuation, one token at a time, and the smallest lead that any of its tokens had."""
    tokens = loaded.template.prompt([Message("user", content)])
    prompt, leads = len(tokens), []
    rows = Rows(1024)
    context.cut(0, 0)
    for start in [0, *range(prompt, prompt + LENGTH - 1)]:
        rows.clear()
        row = rows.add(0, start, tokens[start:], logits=True)
        assert context.decode(rows) == 0
        logits = np.ctypeslib.as_array(native.context_logits(context.handle, row), (loaded.vocabulary.size,))
        second, first = np.sort(logits)[-2:]
        leads.append(float(first - second))
        tokens.append(int(np.argmax(logits)))
    return bytes(tokens[prompt:]).decode(), min(leads)


def clear_questions(loaded: LoadedModel, context: Context, many: int) -> dict[str, str]:
    """Questions whose answers do not hang on rounding, which differs between batch sizes, with those answers."""
    answers: dict[str, str] = {}
    for number in count():
        question = f"Question {number}, please: " + "why? " * (number % 7)
        answer, lead = greedy(loaded, context, question)
        if lead > 0.1:
            answers[question] = answer
        if len(answers) == many:
            return answers
    raise AssertionError


async def test_parallel_answers_are_those_given_alone(
    tiny_host: RunningHost, loaded: LoadedModel, alone: Context
) -> None:
    """12 answers over 4 slots, in waves that join and leave: each is the text that a plain loop makes."""
    expected = clear_questions(loaded, alone, 12)
    assert len(set(expected.values())) == 12
    async with tiny_host.client() as client:
        for _ in range(2):  # the second time over what the first left in memory
            asks = [text_of(client, question, temperature=0, max_tokens=LENGTH) for question in expected]
            assert await asyncio.gather(*asks) == list(expected.values())


async def test_a_seed_gives_the_same_text_again(tiny_host: RunningHost) -> None:
    async with tiny_host.client() as client:
        texts = [
            await text_of(client, "Dice", seed=seed, max_tokens=30)
            for seed in (1, 1, 2, 4294967295, 4294967295)
        ]
    assert texts[0] == texts[1] != texts[2]
    assert texts[3] == texts[4]


# --- cancelling ----------------------------------------------------------------------------------------------------


async def test_hanging_up_ends_a_streamed_answer(tiny_host: RunningHost) -> None:
    before = await tiny_host.meter("written_tokens_total")
    async with (
        tiny_host.client() as client,
        open_stream(client, "Go on for ever", max_tokens=ENDLESS) as lines,
    ):
        await first_text(lines)
    await until(lambda: idle(tiny_host))
    assert await tiny_host.meter("written_tokens_total") - before < ENDLESS / 2


async def test_hanging_up_ends_an_answer_that_is_not_streamed(tiny_host: RunningHost) -> None:
    before = await tiny_host.meter("answers_cancelled_total")
    request = raw_request(chat("Go on for ever", model="tiny", max_tokens=ENDLESS))
    _, writer = await asyncio.open_connection("127.0.0.1", tiny_host.port)
    writer.write(request)

    async def writing() -> bool:
        return await tiny_host.meter("slots_busy") == 1

    await until(writing)
    writer.close()
    await writer.wait_closed()
    await until(lambda: idle(tiny_host))
    assert await tiny_host.meter("answers_cancelled_total") == before + 1


async def test_hanging_up_in_the_queue_leaves_the_queue(tiny_host: RunningHost) -> None:
    async with tiny_host.client() as client:
        async with (
            open_stream(client, "a", max_tokens=ENDLESS) as one,
            open_stream(client, "b", max_tokens=ENDLESS) as two,
        ):
            await first_text(one)
            await first_text(two)
            async with open_stream(client, "c", max_tokens=ENDLESS) as three:
                async for line in three:
                    if line.startswith(": queued"):
                        break
                assert await tiny_host.meter("waiting") == 1

            async def left() -> bool:
                return await tiny_host.meter("waiting") == 0

            await until(left)
        await until(lambda: idle(tiny_host))


async def test_no_slot_is_lost_however_often_clients_leave(tiny_host: RunningHost) -> None:
    async def leave_early(client: httpx.AsyncClient, number: int) -> None:
        async with open_stream(client, f"Number {number}", max_tokens=3000) as lines:
            await first_text(lines)

    async with tiny_host.client() as client:
        await asyncio.gather(*(leave_early(client, number) for number in range(24)))
        await until(lambda: idle(tiny_host))
        texts = await asyncio.gather(
            *(text_of(client, "x", max_tokens=20, seed=number) for number in range(4))
        )
    assert [len(text) for text in texts] == [20] * 4


# --- sharing memory and time ---------------------------------------------------------------------------------------


async def test_200_requests_at_once_are_all_answered(tiny_host: RunningHost) -> None:
    limits = httpx.Limits(max_connections=None)
    async with tiny_host.client(limits=limits) as client:
        asks = [text_of(client, f"Number {number}", max_tokens=4, temperature=0) for number in range(200)]
        texts = await asyncio.gather(*asks)
    assert [len(text) for text in texts] == [4] * 200
    assert await idle(tiny_host)


async def test_places_in_the_queue_are_told_in_order(tiny_host: RunningHost) -> None:
    """Memory for two full windows, so the third waits until one of them is through."""
    async with tiny_host.client() as client:
        async with open_stream(client, "a", max_tokens=ENDLESS) as one, open_stream(client, "b") as two:
            await first_text(one)
            await first_text(two)
            async with (
                open_stream(client, "c", max_tokens=ENDLESS) as three,
                open_stream(client, "d", max_tokens=1) as four,
            ):
                assert [await anext(three), await anext(three)][1] == ": queued 1"
                assert [await anext(four), await anext(four)][1] == ": queued 2"
                await two.aclose()
                async for line in three:
                    if not line.startswith(": queued"):
                        break
                assert line == ": begun"
        await until(lambda: idle(tiny_host))


async def test_200_requests_of_one_party_hold_another_up_by_none(tiny_host: RunningHost) -> None:
    """Memory for two full windows: 198 of the many wait when the one comes, and it is the next to be seated."""
    limits = httpx.Limits(max_connections=None)
    async with tiny_host.client(limits=limits) as client, AsyncExitStack() as open_streams:

        async def join(number: int, user: str) -> AsyncGenerator[str]:
            asking = open_stream(client, f"{user} {number}", user=user, max_tokens=ENDLESS)
            return await open_streams.enter_async_context(asking)

        many = [await join(number, "many") for number in range(200)]
        await until(lambda: waiting(tiny_host, 198))
        one = await join(0, "one")
        assert [await anext(one), await anext(one)][1] == ": queued 1"
        third = [line for line in [await anext(many[2]) for _ in range(3)] if line.startswith(": queued")]
        assert third == [": queued 1", ": queued 2"]
        await first_text(many[0])
        await many[0].aclose()
        assert [line async for line in until_begun(one) if line != ": working"] == []
        assert await waiting(tiny_host, 198)
    await until(lambda: idle(tiny_host))


async def test_a_long_prompt_does_not_stop_running_answers(tiny_host: RunningHost) -> None:
    """The long prompt is read in slices; between any two, the running answer gets its next token."""
    async with tiny_host.client() as client, open_stream(client, "Run", max_tokens=ENDLESS) as running:
        await first_text(running)
        joiner = asyncio.create_task(text_of(client, "y" * 4000, max_tokens=1, temperature=0))
        written = 0
        while not joiner.done():
            written += len(content_of(await anext(running)))
        assert len(await joiner) == 1
    assert written > 4000 / 512
    await until(lambda: idle(tiny_host))


async def test_a_common_beginning_is_computed_once(tiny_host: RunningHost) -> None:
    """The second request gets the prefix from the first one's sequence while that is still being written."""
    shared = "The question that all members share. " * 30
    async with (
        tiny_host.client() as client,
        open_stream(client, shared + "One?", max_tokens=ENDLESS) as running,
    ):
        await first_text(running)
        body = chat(shared + "Two?", model="tiny", max_tokens=1)
        usage = (await client.post("/v1/chat/completions", json=body)).json()["usage"]
        assert await tiny_host.meter("slots_busy") == 1
    assert usage["prompt_tokens_details"]["cached_tokens"] == len(shared) + 2  # begin and user before it
    await until(lambda: idle(tiny_host))


async def test_a_limit_of_zero_only_reads_the_prompt(tiny_host: RunningHost) -> None:
    content = "What the judge will be asked. " * 20
    async with tiny_host.client() as client:
        warm, asked = [
            (
                await client.post("/v1/chat/completions", json=chat(content, model="tiny", max_tokens=limit))
            ).json()
            for limit in (0, 5)
        ]
    assert warm["choices"][0]["message"]["content"] == ""
    assert warm["usage"]["completion_tokens"] == 0
    prompt = asked["usage"]["prompt_tokens"]
    assert asked["usage"]["prompt_tokens_details"]["cached_tokens"] == prompt - 1


async def test_a_reader_that_lags_holds_nobody_up_and_misses_nothing(tiny_host: RunningHost) -> None:
    """1500 tokens go to a socket that reads nothing until all of them are written."""
    before = await tiny_host.meter("answers_finished_total")
    request = raw_request(chat("Slowly", model="tiny", max_tokens=1500, temperature=0, stream=True))
    with socket.create_connection(("127.0.0.1", tiny_host.port)) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        lazy.sendall(request)
        async with tiny_host.client() as client:
            assert len(await text_of(client, "Meanwhile", max_tokens=10, temperature=0)) == 10

        async def both_written() -> bool:
            return await tiny_host.meter("answers_finished_total") == before + 2

        await until(both_written)
        received = await asyncio.to_thread(lambda: b"".join(iter(lambda: lazy.recv(65536), b"")))
    events = [line for line in received.decode().splitlines() if line.startswith("data: ")]
    assert events[-1] == "data: [DONE]"
    assert len("".join(content_of(event) for event in events[:-1])) == 1500
