"""Errors inside a stream, under HTTP 200: the text before them is kept."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from tests.providers.server import DONE, event, play, says, stream

LIMIT = {"code": 429, "message": "Rate limit exceeded", "metadata": {"error_type": "rate_limit_exceeded"}}


@pytest.mark.parametrize(
    ("chunk", "kind", "words"),
    [
        (says("", "error", error=LIMIT), "rate_limit", "Rate limit exceeded"),
        (says("", "error", error={"code": "server_error", "message": "oops"}), "server", "oops"),
        (
            {"error": {"code": 502, "message": "Network connection lost."}},
            "upstream",
            "Network connection lost.",
        ),
        ({"error": {"message": "Compute error."}, "message": "Compute error."}, "upstream", "Compute error."),
        ({"error": "boom"}, "upstream", "boom"),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "x"}}, "rate_limit", "x"),
        ({"error": {"code": 500, "status": "INTERNAL", "message": "x"}}, "server", "x"),
        (
            {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}},
            "context_length",
            "x",
        ),
        ({"error_type": "overloaded_error", "error_message": "busy"}, "overloaded", "busy"),
        (says("", "error"), "upstream", ""),
        ({"choices": [{"delta": {}, "finish_reason": "error", "error": LIMIT}]}, "rate_limit", "Rate limit"),
    ],
)
@pytest.mark.parametrize("ending", [[], [DONE]])
async def test_an_error_chunk_ends_the_answer_and_keeps_its_text(
    chunk: dict[str, Any], kind: str, words: str, ending: list[bytes]
) -> None:
    result = await play(stream(says("a"), chunk, *ending))
    assert (result.text, result.outcome, result.error.kind.value) == ("a", Outcome.ERROR, kind)
    assert words in result.error.message


async def test_partial_text_on_the_error_chunk_itself_is_kept() -> None:
    choice = {"index": 0, "delta": {"content": "b"}, "finish_reason": "error", "error": LIMIT}
    assert (await play(stream(says("a"), {"choices": [choice]}))).text == "ab"


async def test_a_native_reason_is_told_where_no_error_object_is() -> None:
    choice = {"delta": {}, "finish_reason": "error", "native_finish_reason": "MALFORMED_FUNCTION_CALL"}
    result = await play(stream(says("a"), {"choices": [choice]}))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.UPSTREAM)
    assert "MALFORMED_FUNCTION_CALL" in result.error.message


@pytest.mark.parametrize(
    "raw",
    [
        b'event: error\ndata: {"error":{"code":500,"message":"boom"}}\n\n',
        b'event: error\ndata: {"code":500,"message":"boom"}\n\n',
        b'error: {"code":500,"message":"boom"}\n\n',
    ],
)
async def test_named_error_events_of_groq_and_old_llama_server(raw: bytes) -> None:
    result = await play(stream(says("a"), raw))
    assert (result.text, result.outcome, result.error.kind) == ("a", Outcome.ERROR, ErrorKind.SERVER)
    assert "boom" in result.error.message


async def test_a_named_error_event_in_plain_words() -> None:
    assert "boom" in (await play(stream(says("a"), b"event: error\ndata: boom\n\n"))).error.message


async def test_text_after_an_error_is_not_shown() -> None:
    after = event({"error": {"message": "x"}}) + event(says("ghost"))
    assert (await play(stream(says("a"), after, says("ghost")))).text == "a"


async def test_the_provider_of_a_broken_stream_is_named() -> None:
    result = await play(stream(says("a", provider="BaseTen"), {"error": {"code": 502, "message": "x"}}))
    assert result.error.provider == "BaseTen"


async def test_an_error_of_null_is_none() -> None:
    result = await play(stream(says("a") | {"error": None}, says(finish="stop"), DONE))
    assert result.outcome is Outcome.COMPLETE
