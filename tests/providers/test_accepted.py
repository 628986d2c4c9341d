"""Who serves a call, and by which name it can be asked for afterwards: told with the first sign of life."""

from __future__ import annotations

from typing import Any

from fusion_site.engine.asking import (
    AskAccepted,
    AskEvent,
    AskFinished,
    AskResending,
    AskRetrying,
    AskStarted,
    AskText,
    Outcome,
)
from fusion_site.providers import Clocks
from tests.providers.server import (
    DONE,
    END,
    HOLD,
    RawServer,
    Result,
    Script,
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

NAMED = head(200, "text/event-stream", "X-Generation-Id: gen-17-abc", "X-Provider-Name: BaseTen")


def chunk(text: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Give a chunk as OpenRouter sends it."""
    return {**says(text, finish), "id": "gen-17-body", "model": "vendor/m", "provider": "Together", **more}


def accepted(result: Result) -> list[AskAccepted]:
    """Give what was told of who serves the call, in order."""
    return [item for item in result.events if isinstance(item, AskAccepted)]


async def test_the_headers_alone_say_it() -> None:
    async with RawServer([Script([NAMED], HOLD)]) as server:
        providers = providers_for(server)
        events = asker_for(providers, server.endpoint()).ask(question())
        seen: list[AskEvent] = [await anext(events), await anext(events)]
        assert seen == [AskStarted(), AskAccepted("gen-17-abc", "BaseTen")]
        await events.aclose()
        await providers.aclose()


async def test_else_the_first_chunk_says_it_before_its_text() -> None:
    result = await play(stream(chunk("", None), chunk("a"), chunk(None, "stop"), DONE))
    assert result.events[:3] == [
        AskStarted(),
        AskAccepted("gen-17-body", "Together", "vendor/m"),
        AskText("a"),
    ]
    assert (result.outcome, len(accepted(result))) == (Outcome.COMPLETE, 1)


async def test_the_header_goes_before_the_body() -> None:
    result = await play(stream(chunk("a"), chunk(None, "stop"), DONE, headers=NAMED))
    assert accepted(result) == [
        AskAccepted("gen-17-abc", "BaseTen"),
        AskAccepted("gen-17-abc", "BaseTen", "vendor/m"),
    ]


async def test_an_id_of_another_server_names_no_generation() -> None:
    result = await play(stream(chunk("a", id="chatcmpl-1"), chunk(None, "stop", id="chatcmpl-1"), DONE))
    assert accepted(result) == [AskAccepted(None, "Together", "vendor/m")]


async def test_an_id_that_is_no_text_is_none() -> None:
    result = await play(
        stream(chunk("a", id=17), chunk("b", id=None, provider=["x"]), says(None, "stop"), DONE)
    )
    assert result.text == "ab"
    assert {told.generation_id for told in accepted(result)} == {None}


async def test_a_server_that_says_nothing_of_itself_is_told_as_nothing() -> None:
    assert accepted(await play(stream(says("a"), says(None, "stop"), DONE))) == []


async def test_a_provider_that_is_named_late_is_told_late() -> None:
    anonymous = {key: value for key, value in chunk("a").items() if key != "provider"}
    result = await play(stream(anonymous, chunk("b"), chunk(None, "stop"), DONE))
    assert accepted(result)[-1] == AskAccepted("gen-17-body", "Together", "vendor/m")
    assert result.text == "ab"


async def test_each_request_of_an_ask_says_it_anew() -> None:
    failing = stream(chunk("", "error", error={"code": 502, "message": "gone"}))
    good = stream(chunk("a", id="gen-18"), chunk(None, "stop", id="gen-18"), DONE)
    result = await play(failing, good)
    assert [told.generation_id for told in accepted(result)] == ["gen-17-body", "gen-18"]
    assert [type(item) for item in result.events] == [
        AskStarted,
        AskAccepted,
        AskRetrying,
        AskResending,
        AskAccepted,
        AskText,
        AskFinished,
    ]


async def test_being_accepted_is_no_first_token() -> None:
    silent = Script([NAMED, frame(event(chunk("")))], HOLD)
    result = await play(silent, settings={"clocks": Clocks(first_s=0.2)})
    assert (result.outcome, result.finished.first_token_ms) == (Outcome.ERROR, None)
    assert accepted(result)[-1] == AskAccepted("gen-17-abc", "BaseTen", "vendor/m")


async def test_a_refusal_accepts_nothing() -> None:
    refusal = body({"error": {"message": "no"}}, 401, "X-Generation-Id: gen-1", "X-Provider-Name: BaseTen")
    assert accepted(await play(refusal)) == []


async def test_a_reply_that_is_no_stream_says_it_too() -> None:
    whole = {**chunk(None), "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}
    result = await play(body(whole))
    assert accepted(result) == [AskAccepted("gen-17-body", "Together", "vendor/m")]
    assert result.text == "a"


async def test_a_cut_stream_has_said_it() -> None:
    result = await play(Script([head(), frame(event(chunk("a")))[:-2] + END[:1]]))
    assert result.outcome is Outcome.INTERRUPTED
    assert accepted(result) == [AskAccepted("gen-17-body", "Together", "vendor/m")]
