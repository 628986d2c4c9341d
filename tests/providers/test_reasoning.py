"""Reasoning in every field that servers use for it, shown once and apart from the text."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import AskReasoning, AskText, Outcome
from tests.providers.server import DONE, event, play, says, stream

SUMMARY = {"type": "reasoning.summary", "summary": "in short"}


@pytest.mark.parametrize(
    ("delta", "shown"),
    [
        ({"reasoning": "hm"}, "hm"),
        ({"reasoning_content": "hm"}, "hm"),
        ({"reasoning": "hm", "reasoning_content": "hm"}, "hm"),
        ({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, "hm"),
        ({"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, "hm"),
        ({"reasoning_details": [SUMMARY, {"type": "reasoning.encrypted", "data": "xyz"}]}, "in short"),
        ({"reasoning": "[REDACTED]"}, ""),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "[REDACTED]"}]}, ""),
        ({"reasoning": {"odd": 1}}, ""),
    ],
)
async def test_reasoning_is_shown_once(delta: dict[str, Any], shown: str) -> None:
    result = await play(stream(says(**delta), says("a", "stop"), DONE))
    assert (result.reasoning, result.text, result.outcome) == (shown, "a", Outcome.COMPLETE)


@pytest.mark.parametrize("kind", ["response.output_text", "text"])
async def test_visible_text_among_the_reasoning_details_is_text(kind: str) -> None:
    details = [{"type": kind, "text": "a"}]
    result = await play(stream(says(reasoning_details=details), says(finish="stop"), DONE))
    assert (result.reasoning, result.text) == ("", "a")


async def test_visible_text_among_the_details_is_not_repeated_beside_content() -> None:
    details = [{"type": "text", "text": "a"}]
    assert (await play(stream(says("a", "stop", reasoning_details=details), DONE))).text == "a"


async def test_reasoning_and_text_keep_their_order() -> None:
    chunks = [says(reasoning="1"), says("2"), says(reasoning="3"), says("4", "stop")]
    result = await play(stream(b"".join(event(chunk) for chunk in chunks), DONE))
    pieces = [piece for piece in result.events if isinstance(piece, AskText | AskReasoning)]
    assert pieces == [AskReasoning("1"), AskText("2"), AskReasoning("3"), AskText("4")]


async def test_a_first_token_is_timed_whether_text_or_reasoning() -> None:
    finished = (await play(stream(says(reasoning="hm"), says("a", "stop"), DONE))).finished
    assert finished.first_token_ms is not None
    assert finished.total_ms is not None
    assert finished.first_token_ms <= finished.total_ms
