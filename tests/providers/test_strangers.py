"""Whatever a server sends, reading it raises nothing: thousands of replies made of known words in wrong places."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from fusion_site.engine.asking import AskError
from fusion_site.providers import AskFailed, read_catalogue
from fusion_site.providers.body import Body
from fusion_site.providers.errors import from_reply
from fusion_site.providers.outcome import ending_of
from fusion_site.providers.reply import Reply
from fusion_site.providers.reports import read_report, read_report_bytes
from tests.providers.server import says

KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "type",
    "text",
    "summary",
    "thinking",
    "usage",
    "cost",
    "is_byok",
    "cost_details",
    "prompt_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "x_groq",
    "finish_reason",
    "error",
    "native_finish_reason",
    "code",
    "status",
    "metadata",
    "raw",
    "provider_name",
    "headers",
    "error_type",
    "error_message",
    "availability",
    "retryable",
    "retry_after",
    "detail",
    "details",
    "loc",
    "msg",
    "param",
    "refusal",
    "model",
    "provider",
    "index",
    "data",
    "models",
    "pricing",
    "prompt",
    "completion",
    "id",
    "name",
    "top_provider",
    "meta",
    "context_length",
    "retryDelay",
    "links",
    "next",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
]
LEAVES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    1e308,
    2**70,
    "",
    "x",
    "stop",
    "error",
    "0",
    "429",
    "\ud800",
    "\x00",
]
LEAVES += [
    "thinking",
    "text",
    "reasoning.text",
    "Provider returned error",
    '{"message":"x"}',
    "[[[",
    "9" * 400,
]


def stranger(random: random.Random, depth: int = 0) -> Any:
    kind = random.random()
    if depth > 4 or kind < 0.35:
        return random.choice(LEAVES)
    if kind < 0.55:
        return [stranger(random, depth + 1) for _ in range(random.randrange(3))]
    return {random.choice(KEYS): stranger(random, depth + 1) for _ in range(random.randrange(6))}


def variation(random: random.Random, value: Any) -> Any:
    """Give `value` with some parts replaced by strangers."""
    if random.random() < 0.15:
        return stranger(random, 2)
    if isinstance(value, dict):
        more = {random.choice(KEYS): stranger(random, 2)} if random.random() < 0.3 else {}
        return {key: variation(random, item) for key, item in value.items()} | more
    return [variation(random, item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(40))
def test_strange_streams_end_in_an_outcome_and_storable_text(seed: int) -> None:
    chance = random.Random(seed)
    likely = says("a", reasoning="b", usage={"prompt_tokens": 1}, error=None)
    for _ in range(50):
        reply = Reply()
        body = Body(reply)
        for _ in range(3):
            name = chance.choice(["", "", "event: error\n"])
            value = chance.choice([stranger(chance), variation(chance, likely)])
            body.feed(f"{name}data: {json.dumps(value)}\n\n".encode())
        body.end()
        for piece in reply.end():
            piece.text.encode()
            assert "\x00" not in piece.text
        ending = ending_of(reply, clean=chance.random() < 0.5)
        if ending.error is not None:
            assert_presentable(ending.error)


@pytest.mark.parametrize("seed", range(40))
def test_strange_refusals_become_an_error(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        value = chance.choice([stranger(chance), {"error": stranger(chance)}, {"detail": stranger(chance)}])
        status = chance.choice([200, 400, 429, 500])
        assert_presentable(from_reply(status, {}, read_report(value)))
        assert_presentable(from_reply(status, {}, read_report_bytes(chance.randbytes(60))))


@pytest.mark.parametrize("seed", range(20))
def test_strange_catalogues_give_sound_models_or_an_error(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        page = chance.choice([stranger(chance), {"data": [stranger(chance) for _ in range(3)]}])
        try:
            models = read_catalogue(page)
        except AskFailed as failed:
            assert_presentable(failed.error)
            continue
        for model in models:
            model.id.encode()
            model.name.encode()
            assert model.name
            assert model.context_length is None or model.context_length > 0
            assert model.prices.prompt is None or model.prices.prompt >= 0


def assert_presentable(error: AskError) -> None:
    """An error's sentence can be stored and shown, whatever it was made of."""
    error.message.encode()
    assert error.message.isprintable()
    assert error.message
    assert error.retry_after is None or error.retry_after >= 0
