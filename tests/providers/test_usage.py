"""Tokens and cost, wherever in a stream they ride; what nobody said is unknown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import Outcome, Usage
from tests.providers.server import DONE, play, says, stream

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 22,
    "total_tokens": 33,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
READ = Usage(prompt_tokens=11, completion_tokens=22, reasoning_tokens=5, cached_tokens=4)


async def test_usage_in_a_last_chunk_without_choices() -> None:
    last = {"choices": [], "usage": USAGE}
    assert (await play(stream(says("a"), says(finish="stop"), last, DONE))).finished.usage == READ


async def test_usage_in_a_chunk_with_a_dummy_choice_after_the_finish() -> None:
    last = says("", usage=USAGE)
    result = await play(stream(says("a"), says(finish="stop"), last, DONE))
    assert (result.finished.usage, result.outcome) == (READ, Outcome.COMPLETE)


async def test_usage_on_the_finish_chunk() -> None:
    assert (await play(stream(says("a"), says(finish="stop", usage=USAGE), DONE))).finished.usage == READ


async def test_usage_on_every_chunk_counts_once_the_last_time() -> None:
    running = [says("a", usage={"prompt_tokens": 11, "completion_tokens": n}) for n in (1, 2)]
    assert (await play(stream(*running, says(finish="stop", usage=USAGE), DONE))).finished.usage == READ


async def test_usage_where_groq_puts_it() -> None:
    last = says(finish="stop") | {"x_groq": {"id": "r", "usage": USAGE}}
    assert (await play(stream(says("a"), last, DONE))).finished.usage == READ


async def test_usage_on_an_error_chunk() -> None:
    error = says("", "error", error={"code": 502, "message": "gone"}, usage=USAGE)
    result = await play(stream(says("a"), error))
    assert (result.outcome, result.finished.usage) == (Outcome.ERROR, READ)


async def test_usage_after_the_finish_is_waited_for() -> None:
    result = await play(stream(says("a", "stop"), b": ping\n\n", {"choices": [], "usage": USAGE}, DONE))
    assert result.finished.usage == READ


@pytest.mark.parametrize("usage", [None, 5, [], {}, {"prompt_tokens": None, "completion_tokens": "many"}])
async def test_unknown_usage_is_unknown(usage: Any) -> None:
    result = await play(stream(says("a", "stop", usage=usage), DONE))
    assert result.finished.usage == Usage()
    assert result.finished.cost_usd is None


async def test_a_cached_reply_counts_zero() -> None:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "cost": 0}
    result = await play(stream(says("a", "stop", usage=usage), DONE))
    assert (result.finished.usage.prompt_tokens, result.finished.cost_usd) == (0, Decimal(0))


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.000008613}, Decimal("0.000008613")),
        ({"cost": "0.25"}, Decimal("0.25")),
        ({"cost": None}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": "free"}, None),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, Decimal("0.21")),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, None),
        ({"cost": 0.01, "is_byok": True}, None),
    ],
)
async def test_cost_as_the_server_states_it(usage: dict[str, Any], cost: Decimal | None) -> None:
    assert (await play(stream(says("a", "stop", usage=usage), DONE))).finished.cost_usd == cost


async def test_the_served_model_and_provider_stand_beside_the_requested_ones() -> None:
    chunks = [says("a", model="vendor/real", provider="BaseTen"), says(finish="stop", model="vendor/other")]
    result = await play(stream(*chunks, DONE))
    assert (result.finished.served_model, result.finished.provider) == ("vendor/real", "BaseTen")
