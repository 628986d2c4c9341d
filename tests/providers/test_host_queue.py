"""A Compact host's own queue: the place in it is told, and while a request waits there its clocks stand."""

from __future__ import annotations

import asyncio

from fusion_site.compact.failures import template_failed
from fusion_site.engine.asking import AskAccepted, AskQueued, AskStarted, AskText, ErrorKind, Outcome
from fusion_site.providers import Clocks
from fusion_site.providers.clocks import Watch
from tests.providers.server import (
    CLOSE,
    HELLO,
    RawServer,
    Result,
    Script,
    ask_at,
    asker_for,
    body,
    event,
    frame,
    head,
    providers_for,
    question,
    says,
)

BEGUN = [frame(b": begun\n\n"), frame(event(says("Here."))), frame(event(says(finish="stop")))]
END = [frame(b"data: [DONE]\n\n"), b"0\r\n\r\n"]


def waiting(gate: asyncio.Event) -> Script:
    """A reply that waits at place 2, then at 1, and begins when the gate opens."""
    places = [frame(event(says(""))), frame(b": queued 2\n\n"), frame(b": queued 1\n\n: working\n\n")]
    return Script([head(), *places, gate, *BEGUN, *END], CLOSE)


async def asked(kind: str) -> Result:
    """Ask a server that lets one wait; the gate opens once the last place was told, or at once where none is."""
    gate = asyncio.Event()
    async with RawServer([waiting(gate)]) as server:
        providers = providers_for(server)
        events = []
        if kind != "compact":
            gate.set()
        async for each in asker_for(providers, server.endpoint(kind=kind)).ask(question()):
            events.append(each)
            if each == AskQueued(1):
                gate.set()
        await providers.aclose()
    return Result(events)


async def test_places_are_told_and_then_that_it_has_begun() -> None:
    result = await asked("compact")
    kinds = [type(each) for each in result.events]
    places = [each.place for each in result.events if isinstance(each, AskQueued)]
    assert places in ([2, 1], [1])  # what is read together is told as the newer of the two
    assert kinds.index(AskStarted) < kinds.index(AskQueued)
    begun = len(kinds) - kinds[::-1].index(AskAccepted) - 1
    assert kinds.index(AskText) > begun > len(kinds) - kinds[::-1].index(AskQueued) - 1
    assert (result.text, result.outcome) == ("Here.", Outcome.COMPLETE)


async def test_comments_of_other_servers_say_nothing() -> None:
    result = await asked("openai")
    assert not any(isinstance(each, AskQueued) for each in result.events)
    assert result.text == "Here."


def test_the_clocks_stand_while_it_waits_and_go_on_where_they_stood() -> None:
    now = 0.0
    watch = Watch(Clocks(first_s=30, idle_s=20), 100, lambda: now)
    now = 10.0
    watch.stand()
    assert watch.until == 30.0  # by then something must have been heard
    now = 25.0
    watch.stand()
    assert watch.until == 45.0
    assert "waited in its queue" in watch.error().message
    now = 310.0
    watch.go()
    assert (watch.until, watch.ends, watch.elapsed_ms) == (330.0, 400.0, 10_000)


async def test_what_its_template_fails_on_is_said_and_not_asked_again() -> None:
    refusal = template_failed("'item' is undefined").body()
    async with RawServer([body(refusal, 400)]) as server:
        result = await ask_at(server, kind="compact")
        assert len(server.requests) == 1
    assert result.error.kind is ErrorKind.BAD_REQUEST
    assert "chat template fails on these messages: 'item' is undefined" in result.error.message


async def test_it_alone_is_told_for_whom_it_is_asked() -> None:
    for kind, told in (("compact", "team-a"), ("openai", None), ("openrouter", None)):
        async with RawServer([HELLO]) as server:
            await ask_at(server, kind=kind, party="team-a")
            assert server.requests[0].json.get("user") == told
