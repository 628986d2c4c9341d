"""Sending again: only before the first content, as the server wishes, and never past the deadline."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from fusion_site.engine.asking import (
    AskError,
    AskFinished,
    AskResending,
    AskRetrying,
    AskStarted,
    AskText,
    ErrorKind,
    Outcome,
)
from fusion_site.providers import Retries
from fusion_site.providers.waits import retry_after, span
from tests.providers.server import (
    HELLO,
    RESET,
    RawServer,
    Result,
    Script,
    ask_at,
    body,
    play,
    question,
    says,
    stream,
)

BUSY = body({"error": {"message": "busy", "code": 503}}, 503)


def retries(result: Result) -> list[AskRetrying]:
    return [event for event in result.events if isinstance(event, AskRetrying)]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 524, 529])
async def test_a_passing_failure_is_tried_again_visibly(status: int) -> None:
    result = await play(body({"error": {"message": "busy"}}, status), HELLO)
    assert (result.text, result.outcome) == ("Hello", Outcome.COMPLETE)
    assert [type(event) for event in result.events] == [
        AskStarted,
        AskRetrying,
        AskResending,
        AskText,
        AskFinished,
    ]
    assert AskResending(was_lost=False) in result.events
    assert retries(result)[0].error.status == status


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
async def test_a_lasting_failure_is_not_tried_again(status: int) -> None:
    async with RawServer([body({"error": {"message": "no"}}, status), HELLO]) as server:
        assert (await ask_at(server)).outcome is Outcome.ERROR
        assert len(server.requests) == 1


async def test_three_requests_are_enough() -> None:
    async with RawServer([BUSY]) as server:
        result = await ask_at(server)
        assert (result.error.kind, len(server.requests)) == (ErrorKind.OVERLOADED, 3)
        assert len(retries(result)) == 2


async def test_an_error_chunk_before_any_content_is_tried_again() -> None:
    result = await play(stream(says(""), {"error": {"code": 429, "message": "later"}}), HELLO)
    assert (result.text, len(retries(result))) == ("Hello", 1)


@pytest.mark.parametrize("piece", [says("a"), says(reasoning="hm")])
async def test_nothing_is_tried_again_after_the_first_content(piece: dict[str, Any]) -> None:
    async with RawServer([stream(piece, {"error": {"code": 429, "message": "later"}}), HELLO]) as server:
        result = await ask_at(server)
        assert (result.outcome, len(server.requests)) == (Outcome.ERROR, 1)
        assert "Hello" not in result.text


@pytest.mark.parametrize("then", ["close", RESET])
async def test_a_connection_dropped_without_an_answer_is_tried_once_more(then: str) -> None:
    async with RawServer([Script([], then), HELLO]) as server:
        result = await ask_at(server)
        # Nobody knows whether it was read, and so paid for.
        assert (result.text, AskResending(was_lost=True) in result.events) == ("Hello", True)
    async with RawServer([Script([], then), Script([], then), HELLO]) as server:
        result = await ask_at(server)
        assert (result.error.kind, len(server.requests)) == (ErrorKind.NETWORK, 2)


async def test_a_kept_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    async with RawServer([HELLO]) as server:
        first = await ask_at(server)
        second = await ask_at(server)
    assert (first.text, second.text) == ("Hello", "Hello")


@pytest.mark.parametrize("header", ["Retry-After: 0.2", "retry-after-ms: 200"])
async def test_the_servers_own_wait_is_kept(header: str) -> None:
    result = await play(body({"error": {"message": "busy"}}, 429, header), HELLO)
    assert retries(result)[0].after_s >= 0.2
    assert retries(result)[0].error.retry_after == 0.2
    assert result.finished.total_ms is not None
    assert result.finished.total_ms >= 200


async def test_a_wait_past_the_deadline_ends_the_ask_at_once() -> None:
    async with RawServer([body({"error": {"message": "busy"}}, 429, "Retry-After: 30"), HELLO]) as server:
        result = await ask_at(server, question(deadline_s=5))
        assert (result.error.kind, result.error.retry_after) == (ErrorKind.RATE_LIMIT, 30)
        assert (retries(result), len(server.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "4"}, 4),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": formatdate(1000, usegmt=True), "date": formatdate(990, usegmt=True)}, 10),
        ({"retry-after": formatdate(1000, usegmt=True), "date": formatdate(1010, usegmt=True)}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "6m0s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Mon, 99 Foo 2026"}, None),
        ({}, None),
    ],
)
def test_every_form_of_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_wait_until_a_date_without_the_servers_clock_counts_from_ours() -> None:
    seconds = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert seconds is not None
    assert 55 < seconds <= 60


@pytest.mark.parametrize(
    ("text", "seconds"), [("23h47m36.648s", 85656.648), ("120ms", 0.12), ("34s", 34), ("", None), ("5", None)]
)
def test_durations_as_go_prints_them(text: str, seconds: float | None) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("unit", [1000, 1])
async def test_openrouters_daily_limit_says_when_it_ends(unit: int) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int((time.time() + 3600) * unit))}
    reply = {"error": {"message": "free-models-per-day", "code": 429, "metadata": {"headers": headers}}}
    result = await play(body(reply, 429), HELLO)
    assert result.error.kind is ErrorKind.RATE_LIMIT
    assert 3500 < result.error.retry_after <= 3600


@pytest.mark.parametrize(
    "error",
    [{"availability": {"retry_after": 20}}, {"details": [{"@type": "RetryInfo", "retryDelay": "20s"}]}],
)
async def test_waits_inside_the_error_body(error: dict[str, Any]) -> None:
    result = await play(body({"error": {"message": "x"} | error}, 429), HELLO, ask=question(deadline_s=5))
    assert result.error.retry_after == 20


def test_waits_grow_with_jitter_up_to_their_cap() -> None:
    error = AskError(ErrorKind.SERVER, "x", retryable=True)
    plan = Retries(sends=20, base_s=1, cap_s=8)
    for sent, most in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 8)]:
        waits = {plan.wait(sent, error) for _ in range(50)}
        assert len(waits) > 10
        assert all(wait is not None and most / 2 <= wait <= most for wait in waits)
    assert plan.wait(20, error) is None
