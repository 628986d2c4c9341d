"""Errors before the stream, as each server words them: kind, status, retryable, and a sentence for a person."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from tests.providers.server import body, play


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message} | more}


RAW = '{"error":{"message":"slow down"}}'
CREDITS = "This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens"
OPENROUTER: list[tuple[int, Any, str, bool]] = [
    (400, error("acme/fake-1.0 is not a valid model ID", code=400), "bad_request", False),
    (400, error("x", code=400, availability={"code": "model_not_found"}), "not_found", False),
    (401, error("Missing Authentication header", code=401), "auth", False),
    (401, error("User not found.", code=401), "auth", False),
    (402, error(CREDITS, code=402, metadata={"provider_name": None}), "billing", False),
    (402, error("Prompt tokens limit exceeded: 230799 > 91442", code=402), "billing", False),
    (
        403,
        error("no", code=403, metadata={"reasons": ["violence"], "flagged_input": "x"}),
        "moderation",
        False,
    ),
    (403, error("Key is disabled", code=403), "permission", False),
    (404, error("No endpoints found matching your data policy", code=404), "not_found", False),
    (404, error("x", error_type="not_found", http_status=404), "not_found", False),
    (404, error("x", availability={"code": "privacy_restricted"}), "permission", False),
    (408, error("Operation timed out. Please try again later.", code=408), "timeout", True),
    (413, error("Request payload too large", code=413), "too_large", False),
    (429, error("Rate limit exceeded", code=429), "rate_limit", True),
    (502, error("Provider returned error", code=502), "upstream", True),
    (503, error("No provider meets your routing", code=503), "overloaded", True),
    (524, error("edge timeout", code=524), "timeout", True),
    (529, error("overloaded", code=529), "overloaded", True),
    (400, error("x", metadata={"error_type": "context_length_exceeded"}), "context_length", False),
    (400, error("x", metadata={"error_type": "content_policy_violation"}), "moderation", False),
    (503, error("x", availability={"code": "region_restricted", "retryable": False}), "permission", False),
    (503, error("x", availability={"code": "capacity_exhausted", "retryable": False}), "overloaded", False),
]
TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
AZURE = {"code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}
OTHERS: list[tuple[int, Any, str, bool]] = [
    (400, error("the request exceeds", code=400, type="exceed_context_size_error"), "context_length", False),
    (401, error("Invalid API Key", type="authentication_error", code=401), "auth", False),
    (503, error("Loading model", type="unavailable_error", code=503), "overloaded", True),
    (404, error("File Not Found", type="not_found_error", code=404), "not_found", False),
    (400, error(TOO_LONG, code="context_length_exceeded"), "context_length", False),
    (400, error(TOO_LONG, type="invalid_request_error"), "context_length", False),
    (500, error("[{'loc': ('body', 'messages')}]", type="internal_server_error"), "server", True),
    (401, {"detail": "Invalid API key"}, "auth", False),
    (404, error("model 'x' not found", type="not_found_error", param=None, code=None), "not_found", False),
    (400, error("bad", type="BadRequestError", param=None, code=400), "bad_request", False),
    (
        400,
        {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400},
        "bad_request",
        False,
    ),
    (500, error("boom", type="None", param="None", code="500"), "server", True),
    (400, error("The response was filtered", type=None, param="prompt", **AZURE), "moderation", False),
    (422, {"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "bad_request", False),
    (400, [error("bad", code=400, status="INVALID_ARGUMENT")], "bad_request", False),
    (429, error("no money", type="insufficient_quota", code="insufficient_quota"), "billing", False),
    (401, error("Incorrect API key", type="invalid_request_error", code="invalid_api_key"), "auth", False),
    (400, {"error_type": "invalid_request", "error_message": "bad"}, "bad_request", False),
    (418, error("teapot"), "bad_request", False),
    (520, "<html>cloudflare</html>", "upstream", True),
    (500, "", "server", True),
    (503, "Service Unavailable", "overloaded", True),
]


@pytest.mark.parametrize(("status", "reply", "kind", "retryable"), OPENROUTER + OTHERS)
async def test_a_refusal_becomes_its_kind(status: int, reply: Any, kind: str, retryable: bool) -> None:
    result = await play(body(reply, status))
    assert (result.outcome, result.error.kind.value) == (Outcome.ERROR, kind)
    assert (result.error.status, result.error.retryable) == (status, retryable)
    assert result.error.message[-1:] not in (":", " ", "")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error("User not found."), "User not found."),
        (
            error("Provider returned error", metadata={"raw": RAW, "provider_name": "BaseTen"}),
            "[BaseTen] slow down",
        ),
        (error("Provider returned error", metadata={"raw": {"detail": [{"msg": "deep"}]}}), "deep"),
        (error("Provider returned error", metadata={"raw": "just text"}), "just text"),
        (error("Provider returned error"), "Provider returned error"),
        ({"error": "model not loaded"}, "model not loaded"),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "not allowed"}]}, "top_k: not allowed"),
        ({"message": {"detail": [{"loc": ["body", "n"], "msg": "wrong"}]}}, "n: wrong"),
        ([error("wrapped in an array")], "wrapped in an array"),
        (error(RAW), "slow down"),
        ("plain words", "plain words"),
        (error("a\r\n\tb\x00c\x1b[31m"), "a b�c [31m"),
    ],
)
async def test_the_sentence_holds_what_the_server_said(reply: Any, words: str) -> None:
    assert (await play(body(reply, 400))).error.message.endswith(f": {words}")


@pytest.mark.parametrize(
    "reply", ["<html><body>Bad gateway</body></html>", "", "{}", "null", "[]", {"error": None}]
)
async def test_a_refusal_that_says_nothing_has_a_sentence_all_the_same(reply: Any) -> None:
    assert (await play(body(reply, 502))).error.message == "The model's provider failed."


async def test_a_long_complaint_is_cut() -> None:
    assert len((await play(body(error("x" * 5000), 400))).error.message) < 500


async def test_the_provider_behind_a_gateway_is_named() -> None:
    reply = error("Provider returned error", metadata={"provider_name": "BaseTen", "raw": "full"})
    assert (await play(body(reply, 429))).error.provider == "BaseTen"
    assert (await play(body(error("full"), 429, "X-Provider-Name: DeepInfra"))).error.provider == "DeepInfra"


@pytest.mark.parametrize("place", ["message", "provider"])
async def test_the_key_is_in_no_error_even_where_the_server_repeats_it(place: str) -> None:
    repeats = {"message": "bad key sk-secret-key!", "metadata": {"provider_name": "sk-secret-key"}}
    result = await play(body({"error": repeats}, 401))
    assert "sk-secret" not in repr(result.events)
    assert "[key]" in getattr(result.error, place)


@pytest.mark.parametrize(
    ("told", "piece"),
    [("sk-secret-key", "sk-s"), (base64.b64encode(b"Bearer sk-secret-key").decode(), "LXNl")],
)
async def test_no_part_of_the_key_is_in_an_error_that_was_cut_through_it(told: str, piece: str) -> None:
    assert piece in told
    for before in range(370, 402):
        words = {"message": "-" * before + told, "metadata": {"provider_name": "-" * (before - 320) + told}}
        found = (await play(body({"error": words}, 401))).error
        assert piece not in f"{found.message} {found.provider}"


@pytest.mark.parametrize("status", [200, 400])
async def test_ok_with_an_error_body_is_the_error(status: int) -> None:
    reply = error("Internal Server Error", code=500) | {"user_id": "org_abc123"}
    result = await play(body(reply, status))
    assert result.outcome is Outcome.ERROR
    assert result.error.status == (500 if status == 200 else 400)


async def test_ok_with_an_error_wrapped_in_an_array_is_the_error() -> None:
    result = await play(
        body([{"error": {"code": 400, "message": "no model turn", "status": "INVALID_ARGUMENT"}}])
    )
    assert (result.error.kind, result.error.status) == (ErrorKind.BAD_REQUEST, 400)
    assert "no model turn" in result.error.message


async def test_a_redirect_is_not_followed() -> None:
    result = await play(body("", 307, "Location: http://127.0.0.1:1/secret"))
    assert (result.outcome, result.error.kind, result.error.status) == (
        Outcome.ERROR,
        ErrorKind.PROTOCOL,
        307,
    )
    assert "redirects" in result.error.message
    assert "secret" not in result.error.message
