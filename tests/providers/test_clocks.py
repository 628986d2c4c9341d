"""The clocks: each runs out by itself, says which it was, and no keep-alive resets it."""

from __future__ import annotations

import asyncio

import pytest

from fusion_site.engine.asking import AskEvent, AskText, ErrorKind, Outcome
from fusion_site.providers import Clocks
from tests.providers.server import (
    DONE,
    HELLO,
    HOLD,
    RawServer,
    Result,
    Script,
    ask_at,
    asker_for,
    body,
    event,
    frame,
    head,
    play,
    providers_for,
    question,
    says,
    stream,
)

SHORT = 0.15
LONG = 20.0


def clocks(**changes: float) -> dict[str, Clocks]:
    defaults = {"connect_s": LONG, "first_s": LONG, "idle_s": LONG, "total_s": LONG, "trailer_s": LONG}
    return {"clocks": Clocks(**(defaults | changes))}


class Nagging(RawServer):
    """A server that sends a keep-alive after each piece of its script, again and again, until the client goes."""

    nag = frame(b": ping\n\n")

    async def _play(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._play(script, reader, writer)
        while not reader.at_eof():
            writer.write(self.nag)
            await writer.drain()
            try:
                await asyncio.wait_for(reader.read(1), 0.02)
            except TimeoutError:
                continue
        self.gone.set()


async def test_headers_that_never_come() -> None:
    async with RawServer([Script([], HOLD)]) as server:
        result = await ask_at(server, settings=clocks(first_s=SHORT))
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.TIMEOUT)
        assert "first-content" in result.error.message
        assert len(server.requests) == 1
        await asyncio.wait_for(server.gone.wait(), 2)


@pytest.mark.parametrize("before", [[], [says("")], [says(tool_calls=[])]])
async def test_first_content_is_not_a_keep_alive_or_an_empty_chunk(before: list[dict[str, object]]) -> None:
    async with Nagging([Script([head(), *(frame(event(chunk)) for chunk in before)])]) as server:
        result = await ask_at(server, settings=clocks(first_s=SHORT))
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.TIMEOUT)
        assert "first-content" in result.error.message
        await asyncio.wait_for(server.gone.wait(), 2)


async def test_an_error_body_that_never_ends_does_not_hide_its_status() -> None:
    script = Script([head(401, "application/json"), frame(b'{"error":')], HOLD)
    async with RawServer([script]) as server:
        result = await ask_at(server, settings=clocks(first_s=SHORT))
    assert result.outcome is Outcome.ERROR
    assert (result.error.kind, result.error.status) == (ErrorKind.AUTH, 401)


@pytest.mark.parametrize("first", [says("a"), says(reasoning="hm")])
async def test_silence_after_the_first_content(first: dict[str, object]) -> None:
    async with Nagging([Script([head(), frame(event(first))])]) as server:
        result = await ask_at(server, settings=clocks(idle_s=SHORT))
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.TIMEOUT)
        assert "idle" in result.error.message
        assert result.text + result.reasoning in ("a", "hm")


class Chatty(Nagging):
    nag = frame(event(says("a")))


async def test_an_answer_without_end_is_cut_at_the_total_deadline() -> None:
    async with Chatty([Script([head()])]) as server:
        result = await ask_at(server, question(deadline_s=SHORT), settings=clocks())
        assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.TIMEOUT)
        assert "total deadline" in result.error.message
        assert set(result.text) == {"a"}
        await asyncio.wait_for(server.gone.wait(), 2)


async def test_the_default_total_holds_where_the_ask_has_no_deadline() -> None:
    async with Chatty([Script([head()])]) as server:
        assert "total deadline" in (await ask_at(server, settings=clocks(total_s=SHORT))).error.message


async def test_a_deadline_shorter_than_the_first_content_clock_wins() -> None:
    async with RawServer([Script([], HOLD)]) as server:
        result = await ask_at(server, question(deadline_s=SHORT), settings=clocks())
    assert "total deadline" in result.error.message


async def test_the_total_runs_on_through_retries() -> None:
    busy = body({"error": {"message": "x"}}, 503)
    async with RawServer([busy, busy, Script([], HOLD)]) as server:
        # Long enough for two refusals also on a busy machine: a pause that would pass the deadline is not begun.
        result = await ask_at(server, question(deadline_s=6 * SHORT), settings=clocks())
    assert "total deadline" in result.error.message


async def test_a_finished_answer_does_not_wait_long_for_usage() -> None:
    async with Nagging([Script([head(), frame(event(says("a", "stop")))])]) as server:
        result = await ask_at(server, settings=clocks(trailer_s=SHORT))
        assert (result.text, result.outcome, result.finished.error) == ("a", Outcome.COMPLETE, None)
        assert not result.finished.unconfirmed


async def test_a_server_that_stays_open_after_done_holds_nobody_up() -> None:
    async with RawServer([Script([head(), frame(event(says("a", "stop")) + DONE)], HOLD)]) as server:
        result = await ask_at(server, settings=clocks())
        assert (result.outcome, result.finished.usage.prompt_tokens) == (Outcome.COMPLETE, None)
        assert result.finished.total_ms is not None
        assert result.finished.total_ms < 2000


async def test_a_slow_reader_does_not_use_up_the_models_time() -> None:
    async with RawServer([stream(says("a"), says("b"), says(finish="stop"), DONE)]) as server:
        providers = providers_for(server, **clocks(idle_s=SHORT, trailer_s=SHORT))
        events: list[AskEvent] = []
        async for happened in asker_for(providers, server.endpoint()).ask(question()):
            events.append(happened)
            if isinstance(happened, AskText):
                await asyncio.sleep(2 * SHORT)  # the reader's own work, longer than the clock
        await providers.aclose()
    assert (Result(events).text, Result(events).outcome) == ("ab", Outcome.COMPLETE)


async def test_reading_in_time_meets_no_clock() -> None:
    assert (await play(HELLO, settings=clocks())).outcome is Outcome.COMPLETE
