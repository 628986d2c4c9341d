"""The pace of the scripts: believable, uneven, and divided by the speed."""

from __future__ import annotations

import asyncio

import pytest

from fusion_site.rehearsal.cast import CAST
from fusion_site.rehearsal.playing import beats, play
from fusion_site.rehearsal.scripts import chance_for, script_for
from fusion_site.rehearsal.tokens import split
from fusion_site.rehearsal.wire import ChatRequest
from tests.engine.virtual_time import run
from tests.rehearsal.asking import MEMBERS, PROMPTS, body


def timed(model: str, prompt: str) -> tuple[list[float], list[str]]:
    """Give the waits in seconds at speed 1, and the pieces."""
    request = ChatRequest.model_validate(body(model, prompt))
    found = list(beats(script_for(CAST[model], request), CAST[model], chance_for(CAST[model], request)))
    return [beat.after_s for beat in found], [beat.piece.text for beat in found]


@pytest.mark.parametrize("model", MEMBERS)
@pytest.mark.parametrize("prompt", PROMPTS[:6])
def test_a_believable_pace(model: str, prompt: str) -> None:
    waits, pieces = timed(model, prompt)
    first, last = (1.3, 1.7) if model == "rehearsal/scholar" else (0.3, 0.8)
    assert first <= waits[0] <= last
    assert 30 <= len(split("".join(pieces))) / sum(waits[1:]) <= 80
    assert len({len(piece) for piece in pieces}) > 5
    assert max(len(split(piece)) for piece in pieces) <= 6


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_scholar_takes_two_to_three_times_as_long_but_arrives_within_the_grace_period(
    prompt: str,
) -> None:
    planner, storyteller, scholar = (sum(timed(model, prompt)[0]) for model in MEMBERS)
    assert 2 <= scholar / planner <= 3
    assert scholar < 2 * max(planner, storyteller)
    assert scholar < 20


def test_tokens_are_the_text_again() -> None:
    for text in (*PROMPTS, "a\r\n\tb — “c” 12345 \u2028 é 😀😀 __init__"):
        assert "".join(split(text)) == text


async def read(prompt: str, *, speed: float, reader_s: float = 0.0) -> tuple[str, float]:
    """Give the planner's text and the seconds it took, where the reader of its first piece takes `reader_s`."""
    model = CAST["rehearsal/planner"]
    request = ChatRequest.model_validate(body(model.id, prompt))
    clock = asyncio.get_running_loop().time
    started, text = clock(), ""
    async for piece in play(script_for(model, request), model, chance_for(model, request), speed):
        await asyncio.sleep(0 if text else reader_s)
        text += piece.text
    return text, clock() - started


def test_the_speed_divides_all_waiting() -> None:
    waits, pieces = timed("rehearsal/planner", PROMPTS[0])
    text, took = run(read(PROMPTS[0], speed=20))
    assert text == "".join(pieces)
    assert took == pytest.approx(sum(waits) / 20, abs=0.001)


def test_time_that_the_reader_took_is_not_waited_for_again() -> None:
    first, *others = timed("rehearsal/planner", PROMPTS[0])[0]
    _, took = run(read(PROMPTS[0], speed=20, reader_s=sum(others) / 40))
    assert took == pytest.approx((first + sum(others)) / 20, abs=0.001)
