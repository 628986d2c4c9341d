"""From bytes on a socket to the exact text: framing as real servers do it."""

from __future__ import annotations

import json

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from tests.providers.server import DONE, END, HOLD, Script, body, event, frame, head, play, says, stream

PLAIN = {"model": "m", "choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}


async def test_the_text_is_the_exact_concatenation_of_the_deltas() -> None:
    pieces = ["Hel", "lo ", "\n\n", "wörld ", "\u2028", "🙂", " \t"]
    result = await play(stream(*(says(piece) for piece in pieces), says(finish="stop"), DONE))
    assert result.text == "".join(pieces)
    assert result.outcome is Outcome.COMPLETE
    assert not result.finished.unconfirmed


async def test_a_body_cut_into_single_bytes_reads_the_same() -> None:
    whole = event(says("Grüße 🙂")) + event(says(finish="stop")) + DONE
    result = await play(Script([head(), *(frame(whole[i : i + 1]) for i in range(len(whole))), END]))
    assert result.text == "Grüße 🙂"
    assert result.outcome is Outcome.COMPLETE


async def test_crlf_as_sse_starlette_sends_it() -> None:
    events = [event(chunk).replace(b"\n", b"\r\n") for chunk in (says("a"), says("b"), says(finish="stop"))]
    assert (await play(stream(*events, DONE.replace(b"\n", b"\r\n")))).text == "ab"


async def test_no_space_after_data_as_longcat_sends_it() -> None:
    events = [event(chunk).replace(b"data: ", b"data:") for chunk in (says("a"), says(finish="stop"))]
    assert (await play(stream(*events, b"data:[DONE]\n\n"))).text == "a"


async def test_a_byte_order_mark_before_the_first_event() -> None:
    result = await play(stream(b"\xef", b"\xbb", b"\xbf" + event(says("a")), says(finish="stop"), DONE))
    assert result.text == "a"


async def test_keep_alive_comments_of_all_makers_are_no_text() -> None:
    comments = [b": OPENROUTER PROCESSING\n\n", b":\n\n", b": ping - 2026-11-01\r\n\r\n"]
    again = b"data: : OPENROUTER PROCESSING\n\n"
    result = await play(stream(*comments, again, says("a"), *comments, again, says(finish="stop"), DONE))
    assert result.text == "a"
    assert not result.finished.unconfirmed


async def test_a_wrong_charset_header_is_not_obeyed() -> None:
    raw = b'data: {"choices":[{"delta":{"content":"Gr\xc3\xbc\xc3\x9fe"},"finish_reason":"stop"}]}\n\n'
    headers = head(200, "text/event-stream; charset=iso-8859-1")
    assert (await play(stream(raw, DONE, headers=headers))).text == "Grüße"


async def test_a_wrong_content_type_does_not_hide_a_stream() -> None:
    headers = head(200, "application/json")
    assert (await play(stream(says("a", "stop"), DONE, headers=headers))).text == "a"


async def test_several_chunks_without_blank_lines_between_them() -> None:
    lines = b"".join(event(chunk)[:-1] for chunk in (says("a"), says("b"), says("c", "stop")))
    result = await play(stream(lines + b"data: [DONE]\n\n"))
    assert result.text == "abc"
    assert result.outcome is Outcome.COMPLETE


async def test_json_spread_over_several_data_lines() -> None:
    lines = json.dumps(says("a", "stop"), indent=1).split("\n")
    result = await play(stream(b"".join(b"data: " + line.encode() + b"\n" for line in lines) + b"\n", DONE))
    assert result.text == "a"


async def test_a_malformed_frame_is_survived_and_leaves_the_answer_unconfirmed() -> None:
    result = await play(stream(says("a"), b'data: {"choices": [{\n\n', says("b", "stop"), DONE))
    assert result.text == "ab"
    assert result.outcome is Outcome.COMPLETE
    assert result.finished.unconfirmed


@pytest.mark.parametrize(
    "chunk", [b"1", b"null", b'"x"', b"[1]", b'{"choices":7}', b'{"choices":[3,null]}', b"{}"]
)
async def test_frames_of_strange_shape_are_survived(chunk: bytes) -> None:
    result = await play(stream(b"data: " + chunk + b"\n\n", says("a", "stop"), DONE))
    assert result.text == "a"
    assert result.outcome is Outcome.COMPLETE


@pytest.mark.parametrize(
    "delta",
    [
        None,
        {},
        {"content": None},
        {"content": 5},
        {"role": "assistant"},
        {"content": ""},
        {"tool_calls": [{}]},
    ],
)
async def test_deltas_without_text_are_no_text(delta: object) -> None:
    chunk = {"choices": [{"index": 0, "delta": delta}]}
    assert (await play(stream(chunk, says("a", "stop"), DONE))).text == "a"


async def test_a_first_chunk_without_choices_as_azure_sends_it() -> None:
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{}]}
    result = await play(stream(first, says("a", "stop", model="gpt"), DONE))
    assert result.text == "a"
    assert result.finished.served_model == "gpt"


async def test_nothing_after_done_is_read() -> None:
    tail = event(says("ghost")) + event({"error": {"message": "late"}})
    result = await play(stream(says("a", "stop"), DONE + tail, event(says("ghost"))))
    assert result.text == "a"
    assert result.outcome is Outcome.COMPLETE


async def test_done_without_any_line_break() -> None:
    assert (await play(stream(says("a", "stop"), b"data: [DONE]"))).outcome is Outcome.COMPLETE


async def test_a_last_event_without_a_blank_line() -> None:
    result = await play(stream(says("a"), event(says("b", "stop")).rstrip()))
    assert result.text == "ab"
    assert result.outcome is Outcome.COMPLETE


async def test_other_choices_than_the_first_are_not_mixed_in() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "ghost"}}]}
    assert (await play(stream(says("a"), other, says(finish="stop"), DONE))).text == "a"


async def test_mistrals_content_as_an_array_of_parts() -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    result = await play(stream(says(content=thinking), says(content=parts), says("c", "stop"), DONE))
    assert (result.reasoning, result.text) == ("hm", "abc")


async def test_plain_json_where_a_stream_was_asked_for() -> None:
    result = await play(body(PLAIN | {"usage": {"completion_tokens": 3}, "provider": "P"}))
    assert result.text == "Hello"
    assert result.outcome is Outcome.COMPLETE
    assert result.finished.usage.completion_tokens == 3
    assert result.finished.provider == "P"


async def test_plain_json_after_white_space_that_kept_the_connection_alive() -> None:
    pieces = [frame(b"\n"), frame(b"   \r\n"), frame(json.dumps(PLAIN).encode()), END]
    assert (await play(Script([head(200, "application/json"), *pieces]))).text == "Hello"


async def test_a_whole_message_at_the_end_of_a_stream_is_not_shown_twice() -> None:
    last = {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}
    assert (await play(stream(says("Hel"), says("lo"), last, DONE))).text == "Hello"


async def test_a_web_page_where_an_api_was_expected() -> None:
    result = await play(body("<!DOCTYPE html><html><title>Sign in</title></html>"))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)
    assert "web page" in result.error.message


async def test_json_that_is_no_chat_completion() -> None:
    result = await play(body({"hello": "world"}))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_json_that_breaks_off() -> None:
    result = await play(body('{"choices": [{"message"'))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_a_line_without_end_is_refused_and_what_came_before_is_kept() -> None:
    flood = [frame(b"x" * 65536)] * 20
    result = await play(Script([head(), frame(event(says("a"))), frame(b"data: "), *flood], HOLD))
    assert result.text == "a"
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_a_compressed_reply_is_refused() -> None:
    result = await play(
        stream(says("a", "stop"), headers=head(200, "text/event-stream", "Content-Encoding: gzip"))
    )
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_what_is_not_http_is_a_protocol_error() -> None:
    result = await play(Script([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"]))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_headers_without_end_are_refused() -> None:
    flood = [b"X-Filler: " + b"x" * 8000 + b"\r\n"] * 20
    result = await play(Script([b"HTTP/1.1 200 OK\r\n", *flood], HOLD))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_the_total_text_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusion_site.providers.reply.TEXT_CAP", 10)
    result = await play(stream(says("12345678"), says("123456"), says(finish="stop"), DONE))
    assert result.text == "12345678"
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_the_total_of_bytes_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusion_site.providers.body.WIRE_CAP", 2000)
    result = await play(stream(says("a"), *[b": nothing at all\n\n"] * 200, says(finish="stop"), DONE))
    assert result.text == "a"
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)
