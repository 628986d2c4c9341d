"""Parameters that a server refuses: one retry, then remembered for that model there; the bound on tokens stays."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import AskRetrying, ErrorKind, Outcome
from tests.providers.server import HELLO, RawServer, Result, Script, asker_for, body, providers_for, question

SETTINGS: dict[str, Any] = {
    "temperature": 0.5,
    "top_k": 5,
    "seed": 1,
    "stop": ("END",),
    "max_tokens": 5000,
    "reasoning_effort": "none",
    "json_schema": {"type": "object"},
}


def openai(message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


async def twice(*refusals: Script, **endpoint: Any) -> tuple[list[Result], list[dict[str, Any]]]:
    """Ask a server twice that first refuses; give both results and all bodies sent."""
    async with RawServer([*refusals, HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(**endpoint))
        results = [Result([event async for event in asker.ask(question(**SETTINGS))]) for _ in range(2)]
        await providers.aclose()
        return results, [request.json for request in server.requests]


UNSUPPORTED = "Unsupported parameter: '{0}' is not supported with this model."
PYDANTIC = {
    "type": "extra_forbidden",
    "loc": ["body", "stream_options"],
    "msg": "Extra inputs are not permitted",
}
LITERAL = "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text'\"}]"


@pytest.mark.parametrize(
    ("status", "refusal", "dropped"),
    [
        (
            400,
            openai(UNSUPPORTED.format("temperature"), "temperature", "unsupported_parameter"),
            "temperature",
        ),
        (400, openai("Unsupported value: 'temperature' does not support 0.5", "temperature"), "temperature"),
        (400, openai("Unrecognized request argument supplied: stream_options"), "stream_options"),
        (400, openai("Unknown parameter: 'top_k'.", "top_k", "unknown_parameter"), "top_k"),
        (400, openai("unsupported where temperature is set", "top_k"), "top_k"),
        (422, {"detail": [PYDANTIC]}, "stream_options"),
        (422, {"object": "error", "message": {"detail": [PYDANTIC]}}, "stream_options"),
        (400, openai("property 'seed' is unsupported"), "seed"),
        (400, openai("'stop' is not supported with this model"), "stop"),
        (400, openai("Unsupported value: 'reasoning_effort' does not support 'none'"), "reasoning_effort"),
        (400, openai("This response_format type is unavailable now"), "response_format"),
        (400, openai("'response_format.type' must be 'json_object' or 'text'"), "response_format"),
        (400, openai("no", "response_format.type") | {"x": "unsupported"}, None),
        (400, openai("json_schema is not supported by this model"), "response_format"),
        (500, {"error": {"message": LITERAL, "type": "internal_server_error"}}, "response_format"),
    ],
)
async def test_a_refused_parameter_costs_one_retry_once(
    status: int, refusal: Any, dropped: str | None
) -> None:
    results, sent = await twice(body(refusal, status))
    if dropped is None:
        assert results[0].outcome is Outcome.ERROR
        return
    assert [result.text for result in results] == ["Hello", "Hello"]
    assert len(sent) == 3
    assert dropped in sent[0]
    assert sent[1] == sent[2] == {name: value for name, value in sent[0].items() if name != dropped}
    retries = [event for event in results[0].events if isinstance(event, AskRetrying)]
    assert [retry.after_s for retry in retries] == [0]
    assert not any(isinstance(event, AskRetrying) for event in results[1].events)


async def test_several_refused_parameters_cost_one_retry_each() -> None:
    first = body(openai("Unknown parameter: 'top_k'.", "top_k"), 400)
    second = body(openai("Unknown parameter: 'seed'.", "seed"), 400)
    _, sent = await twice(first, second)
    assert len(sent) == 4
    assert {"top_k", "seed"}.isdisjoint(sent[-1])


async def test_max_tokens_is_called_max_completion_tokens_where_that_is_wanted() -> None:
    message = UNSUPPORTED.format("max_tokens") + " Use 'max_completion_tokens' instead."
    _, sent = await twice(body(openai(message, "max_tokens", "unsupported_parameter"), 400))
    assert [request.get("max_tokens") for request in sent] == [5000, None, None]
    assert [request.get("max_completion_tokens") for request in sent] == [None, 5000, 5000]


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 5000. This model supports at most 2048 completion tokens, you provided 5000.",
        "Invalid max_tokens value, the valid range of max_tokens is [1, 2048]",
        "`max_tokens` must be less than or equal to `2048`",
        "max_tokens: 5000 > 2048, which is the maximum for model-4096 (see 4000-07-18)",
    ],
)
async def test_a_bound_that_is_too_high_is_lowered_to_the_most_allowed(message: str) -> None:
    _, sent = await twice(body(openai(message), 400))
    assert [request["max_tokens"] for request in sent] == [5000, 2048, 2048]


async def test_a_bound_is_never_left_out_however_often_it_is_refused() -> None:
    refusal = body(openai(UNSUPPORTED.format("max_tokens"), "max_tokens"), 400)
    again = body(openai(UNSUPPORTED.format("max_completion_tokens"), "max_completion_tokens"), 400)
    async with RawServer([refusal, again, HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint())
        result = Result([event async for event in asker.ask(question())])
        await providers.aclose()
        assert (result.outcome, len(server.requests)) == (Outcome.ERROR, 2)


async def test_a_schema_that_no_provider_of_openrouter_enforces_is_left_out_with_its_condition() -> None:
    refusal = {
        "error": {"message": "No endpoints found that can handle the requested parameters.", "code": 404}
    }
    _, sent = await twice(body(refusal, 404), kind="openrouter")
    assert sent[0]["provider"] == {"require_parameters": True}
    assert "provider" not in sent[1]
    assert "response_format" not in sent[1]


async def test_mandatory_reasoning_is_left_to_the_model() -> None:
    refusal = openai("Reasoning is mandatory for this endpoint and cannot be disabled.")
    _, sent = await twice(body(refusal, 400), kind="openrouter")
    assert sent[0]["reasoning"] == {"effort": "none"}
    assert "reasoning" not in sent[1]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "acme/fake is not a valid model ID"),
        (400, "Your messages must be shorter. Please stop shouting, it is not supported."),
        (400, "This model's maximum context length is 4096 tokens; your max_tokens is 5000"),
        (401, "Unsupported parameter: 'temperature'"),
        (404, "The model does not exist"),
    ],
)
async def test_other_refusals_cost_no_retry(status: int, message: str) -> None:
    results, sent = await twice(body(openai(message), status), body(openai(message), status))
    assert [result.outcome for result in results] == [Outcome.ERROR, Outcome.ERROR]
    assert len(sent) == 2
    assert sent[0] == sent[1]


async def test_what_did_not_help_is_not_remembered() -> None:
    refusal = body(openai("Unknown parameter: 'top_k'.", "top_k"), 400)
    lasting = body(openai("no", None), 403)
    results, sent = await twice(refusal, lasting)
    assert results[0].error.kind is ErrorKind.PERMISSION
    assert ["top_k" in request for request in sent] == [True, False, True]


async def test_quirks_belong_to_one_model() -> None:
    refusal = body(openai("Unknown parameter: 'top_k'.", "top_k"), 400)
    async with RawServer([refusal, HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint())
        for model in ("one", "other"):
            assert [event async for event in asker.ask(question(model=model, top_k=5))]
        await providers.aclose()
        assert ["top_k" in request.json for request in server.requests] == [True, False, True]
