"""Text that any database and page can take, whatever the server sent."""

from __future__ import annotations

import pytest

from tests.providers.server import DONE, play, says, stream


def escaped(*texts: str) -> list[bytes]:
    """Give chunks whose text is written as JSON escapes, verbatim."""
    return [b'data: {"choices":[{"delta":{"content":"' + text.encode() + b'"}}]}\n\n' for text in texts]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a\\u0000b"], "a\ufffdb"),
        (["a\\ud800b"], "a\ufffdb"),
        (["a\\udc00b"], "a\ufffdb"),
        (["\\ud83d\\ude42"], "🙂"),
        (["a\\ud83d", "\\ude42b"], "a🙂b"),
        (["a\\ud83d", "b"], "a\ufffdb"),
        (["a\\ud83d"], "a\ufffd"),
        (["\\ud83d", "\\ud83d", "\\ude42"], "\ufffd🙂"),
        (["a\x01\x1bb"], "a\x01\x1bb"),
        (["\ufffd"], "\ufffd"),
    ],
)
async def test_nul_and_lone_surrogates_become_replacement_characters(pieces: list[str], shown: str) -> None:
    result = await play(stream(*escaped(*pieces), says(finish="stop"), DONE))
    assert result.text == shown
    result.text.encode()
    assert not result.finished.unconfirmed


async def test_a_halved_emoji_is_joined_across_interleaved_reasoning() -> None:
    thought = says(reasoning="hm")
    result = await play(
        stream(escaped("\\ud83d")[0], thought, escaped("\\ude42")[0], says(finish="stop"), DONE)
    )
    assert (result.text, result.reasoning) == ("🙂", "hm")


async def test_bytes_that_are_not_utf8_are_replaced() -> None:
    raw = b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n'
    assert (await play(stream(raw, says(finish="stop"), DONE))).text == "a\ufffdb"


async def test_not_a_number_in_a_chunk_does_not_cost_its_text() -> None:
    raw = b'data: {"choices":[{"delta":{"content":"a"},"logprobs":NaN}]}\n\n'
    result = await play(stream(raw, says(finish="stop"), DONE))
    assert result.text == "a"


async def test_json_nested_without_end_is_survived() -> None:
    bomb = b"data: " + b"[" * 100_000 + b"\n\n"
    assert (await play(stream(says("a"), bomb, says(finish="stop"), DONE))).text == "a"


async def test_names_from_the_server_are_one_short_line() -> None:
    chunk = says("a", "stop", model="m\x00\n" + "x" * 500, provider="P\r\nQ")
    finished = (await play(stream(chunk, DONE))).finished
    assert finished.provider == "P Q"
    assert finished.served_model is not None
    assert len(finished.served_model) == 200
    assert "\n" not in finished.served_model
