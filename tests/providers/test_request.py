"""What is sent: headers and body of a request, and what is never sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fusion_site.engine.asking import Ask, ErrorKind, Message, ModelRef, Outcome
from fusion_site.providers import Attribution
from tests.providers.server import HELLO, RawServer, Result, Seen, ask_at, body, question


async def sent(ask: Ask | None = None, settings: dict[str, Any] | None = None, **endpoint: Any) -> Seen:
    """Give the request that an ask becomes."""
    async with RawServer([HELLO]) as server:
        assert (await ask_at(server, ask, settings, **endpoint)).outcome is Outcome.COMPLETE
        return server.requests[0]


async def refused(ask: Ask | None = None, **endpoint: Any) -> Result:
    """Give the result of an ask that must not reach the server."""
    async with RawServer([HELLO]) as server:
        result = await ask_at(server, ask, **endpoint)
        assert (server.connections, result.outcome) == (0, Outcome.ERROR)
        return result


async def test_the_plain_request() -> None:
    request = await sent()
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.json == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 4096,
    }
    assert request.headers["authorization"] == "Bearer sk-secret-key"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-type"] == "application/json"
    assert "cookie" not in request.headers


async def test_every_setting_is_sent_under_its_own_name() -> None:
    settings: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 5,
        "min_p": 0.1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "max_tokens": 7,
        "seed": 0,
        "stop": ("a", "b"),
        "reasoning_effort": "low",
    }
    body = (await sent(question(**settings))).json
    assert {name: body[name] for name in settings} == settings | {"stop": ["a", "b"]}


async def test_a_schema_becomes_a_response_format() -> None:
    schema = {"type": "object"}
    body = (await sent(question(json_schema=schema))).json
    wanted = {"name": "reply", "strict": True, "schema": schema}
    assert body["response_format"] == {"type": "json_schema", "json_schema": wanted}
    assert "provider" not in body


@pytest.mark.parametrize(("kind", "bounded"), [("openai", False), ("compact", True)])
async def test_how_much_may_be_written_is_told_to_those_who_know_the_word(kind: str, bounded: bool) -> None:
    """Others could refuse the whole schema for it."""
    text = {"type": "string"} | ({"maxLength": 9} if bounded else {})
    words = {"type": "array", "items": text} | ({"maxItems": 2} if bounded else {})
    schema = {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 2}
    body = (await sent(question(json_schema=schema), kind=kind)).json
    assert body["response_format"]["json_schema"]["schema"] == words


async def test_no_key_sends_no_authorization() -> None:
    assert "authorization" not in (await sent(api_key=None)).headers


@pytest.mark.parametrize("key", ["sk-a\nX-Injected: 1", "sk a", "sk-ä", "sk\x00"])
async def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    result = await refused(api_key=key)
    assert result.error.kind is ErrorKind.AUTH
    assert key not in repr(result.events)


async def test_an_endpoint_does_not_show_its_key() -> None:
    async with RawServer([HELLO]) as server:
        assert "secret" not in repr(server.endpoint())


@pytest.mark.parametrize("messages", [(), (Message("user", "a"), Message("assistant", "b"))])
async def test_a_conversation_that_does_not_end_with_the_user_is_refused(
    messages: tuple[Message, ...],
) -> None:
    assert (await refused(question(messages=messages))).error.kind is ErrorKind.BAD_REQUEST


@pytest.mark.parametrize("model", ["openrouter/fusion", "openrouter/fusion-mini"])
async def test_openrouters_own_fusion_is_no_member(model: str) -> None:
    result = await refused(question(model=model), kind="openrouter")
    assert result.error.kind is ErrorKind.BAD_REQUEST
    assert "panel" in result.error.message


async def test_text_that_json_cannot_carry_is_made_to_fit() -> None:
    assert (await sent(question("a\ud800b"))).json["messages"][0]["content"] == "a\ufffdb"


async def test_openrouter_gets_attribution_routing_and_its_own_reasoning() -> None:
    request = await sent(
        question(reasoning_effort="high", json_schema={}),
        {"attribution": Attribution("https://fusion.example", "Our Fusion")},
        kind="openrouter",
        routing={"zdr": True},
    )
    assert request.headers["http-referer"] == "https://fusion.example"
    assert request.headers["x-openrouter-title"] == "Our Fusion"
    assert request.json["provider"] == {"zdr": True, "require_parameters": True}
    assert request.json["reasoning"] == {"effort": "high"}
    assert "reasoning_effort" not in request.json


ZERO_RETENTION = {"zdr": True, "data_collection": "deny"}


@pytest.mark.parametrize("routing", [None, {"data_collection": "allow", "zdr": False}])
async def test_zero_retention_goes_to_openrouter_whatever_the_connection_says(routing: Any) -> None:
    ask = replace(question(), zero_retention=True)
    assert (await sent(ask, kind="openrouter", routing=routing)).json["provider"] == ZERO_RETENTION


async def test_no_retry_goes_without_zero_retention() -> None:
    refusal = body({"error": {"message": "Unsupported parameter: 'temperature'", "code": 400}}, 400)
    ask = replace(question(temperature=0.5), zero_retention=True)
    async with RawServer([refusal, HELLO]) as server:
        assert (await ask_at(server, ask, kind="openrouter")).text == "Hello"
        assert ["temperature" in request.json for request in server.requests] == [True, False]
        assert [request.json["provider"] for request in server.requests] == [ZERO_RETENTION] * 2


async def test_a_model_without_such_a_provider_fails_and_is_not_asked_otherwise() -> None:
    words = "No endpoints available matching your guardrail restrictions and data policy."
    refusal = body({"error": {"message": words, "code": 404}}, 404)
    async with RawServer([refusal, HELLO]) as server:
        result = await ask_at(server, replace(question(), zero_retention=True), kind="openrouter")
        assert (result.outcome, len(server.requests)) == (Outcome.ERROR, 1)
        assert "data policy" in result.error.message


@pytest.mark.parametrize("kind", ["openai", "compact", "rehearsal"])
async def test_nobody_else_gets_what_is_openrouters(kind: str) -> None:
    settings = {"attribution": Attribution("https://fusion.example")}
    ask = replace(question(), zero_retention=True)
    request = await sent(ask, settings, kind=kind, routing={"zdr": True})
    assert "http-referer" not in request.headers
    assert "provider" not in request.json


@pytest.mark.parametrize(
    ("kind", "model", "length", "marked"),
    [
        ("openrouter", "anthropic/claude", 6000, True),
        ("openrouter", "anthropic/claude", 5999, False),
        ("openrouter", "openai/gpt", 6000, False),
        ("openai", "anthropic/claude", 6000, False),
    ],
)
async def test_a_long_prompt_is_marked_for_the_caches_that_want_it(
    kind: str, model: str, length: int, marked: bool
) -> None:
    messages = (Message("system", "s" * length), Message("user", "u" * length))
    system, user = (await sent(Ask(ModelRef("c", model), messages), kind=kind)).json["messages"]
    assert user["content"] == "u" * length
    if marked:
        part = {"type": "text", "text": "s" * length, "cache_control": {"type": "ephemeral"}}
        assert system["content"] == [part]
    else:
        assert system["content"] == "s" * length


@pytest.mark.parametrize(
    ("suffix", "path"),
    [
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        (" ", "/chat/completions"),
        ("/v1?api-version=2", "/v1/chat/completions?api-version=2"),
    ],
)
async def test_base_urls_as_people_type_them(suffix: str, path: str) -> None:
    async with RawServer([HELLO]) as server:
        await ask_at(server, base_url=f"http://{server.host_port}{suffix}")
        assert server.requests[0].line == f"POST {path} HTTP/1.1"
