"""How tokens are chosen, seen through the door: penalties, biases, and JSON by grammar."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fusion_site.compact.failures import HostFailure
from fusion_site.compact.grammar import grammar_for
from fusion_site.engine.candidates import Candidate
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.schema import score_schema, verdict_schema
from fusion_site.engine.verdict import read_verdict
from tests.compact.hosting import RunningHost, chat

VERDICT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "maxLength": 40},
        "winner": {"enum": ["A", "B", "C"]},
        "scores": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
        "close": {"type": "boolean"},
    },
    "required": ["reason", "winner", "scores", "close"],
    "additionalProperties": False,
}


async def answer(host: RunningHost, **settings: Any) -> dict[str, Any]:
    async with host.client() as client:
        response = await client.post("/v1/chat/completions", json=chat("Say", model="tiny", **settings))
    response.raise_for_status()
    choice: dict[str, Any] = response.json()["choices"][0]
    return choice


async def text_of(host: RunningHost, **settings: Any) -> str:
    text: str = (await answer(host, **settings))["message"]["content"]
    return text


async def test_a_bias_decides(tiny_host: RunningHost) -> None:
    assert await text_of(tiny_host, logit_bias={"90": 100}, max_tokens=6) == "ZZZZZZ"


async def test_a_frequency_penalty_makes_words_take_turns(tiny_host: RunningHost) -> None:
    bias = {"88": 60, "89": 60, "90": 60}
    plain = await text_of(tiny_host, logit_bias=bias, max_tokens=30, temperature=0)
    assert set(plain) <= set("XYZ")
    close = dict.fromkeys(bias, 100)
    spread = await text_of(
        tiny_host, logit_bias=close, max_tokens=30, temperature=0, frequency_penalty=2, presence_penalty=2
    )
    assert max(map(spread.count, "XYZ")) < max(map(plain.count, "XYZ"))


async def test_penalties_count_what_a_grammar_let_through(tiny_host: RunningHost) -> None:
    schema = {"type": "string", "minLength": 30, "maxLength": 30}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    settings: dict[str, Any] = {
        "logit_bias": {"88": 100, "89": 100, "90": 100},
        "response_format": form,
        "temperature": 0,
        "max_tokens": 60,
    }
    plain = json.loads(await text_of(tiny_host, **settings))
    spread = json.loads(await text_of(tiny_host, **settings, frequency_penalty=2, presence_penalty=2))
    assert set(plain) | set(spread) <= set("XYZ")
    assert len(plain) == len(spread) == 30
    assert max(map(spread.count, "XYZ")) < max(map(plain.count, "XYZ"))


async def test_temperature_zero_is_certain_and_heat_is_not(tiny_host: RunningHost) -> None:
    cold = {await text_of(tiny_host, temperature=0, max_tokens=20) for _ in range(3)}
    hot = {
        await text_of(tiny_host, temperature=3, top_k=0, top_p=1, min_p=0, max_tokens=20) for _ in range(3)
    }
    assert (len(cold), len(hot)) == (1, 3)


async def test_top_k_of_one_is_greedy(tiny_host: RunningHost) -> None:
    greedy = await text_of(tiny_host, temperature=0, max_tokens=20)
    assert await text_of(tiny_host, temperature=3, top_k=1, max_tokens=20) == greedy
    assert await text_of(tiny_host, temperature=3, top_p=0.001, top_k=0, min_p=0, max_tokens=20) == greedy
    assert await text_of(tiny_host, temperature=3, min_p=1, top_k=0, top_p=1, max_tokens=20) == greedy


@pytest.mark.parametrize("seed", range(5))
async def test_a_schema_is_obeyed_by_a_model_that_knows_nothing(tiny_host: RunningHost, seed: int) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": VERDICT}}
    choice = await answer(tiny_host, response_format=form, seed=seed, temperature=1.5, max_tokens=400)
    assert choice["finish_reason"] == "stop"
    verdict = json.loads(choice["message"]["content"])
    assert list(verdict) == ["reason", "winner", "scores", "close"]
    assert verdict["winner"] in {"A", "B", "C"}
    assert all(isinstance(score, int) for score in verdict["scores"])
    assert 2 <= len(verdict["scores"]) <= 3


@pytest.mark.parametrize("schema", [score_schema(), verdict_schema("AB", ["Kind"])])
async def test_a_judges_replies_are_constrained_and_begin_with_its_mark(
    tiny_host: RunningHost, schema: dict[str, Any]
) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}
    text = await text_of(tiny_host, response_format=form, seed=1, max_tokens=40)
    assert re.match(r'\{\s*"mark"\s*:\s*"', text)


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_judges_here_comes_to_a_verdict_that_can_be_read(
    tiny_host: RunningHost, seed: int
) -> None:
    """Even this model, which knows nothing; quotes and brackets are made likely, so that it is soon through."""
    schema = verdict_schema("AB", ["Kind", "Brief"])
    form = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}
    bias = {"34": 6, "93": 6}
    text = await text_of(tiny_host, response_format=form, logit_bias=bias, seed=seed, max_tokens=6000)
    shown = [Candidate(AnswerKey(n, 0), "", letter) for n, letter in enumerate("AB")]
    reading = read_verdict(text, shown)
    assert reading.stage == "strict"
    assert reading.winner in {"A", "B", None}
    names = {check.name for checks in reading.checks.values() for check in checks}
    assert names <= {"Kind", "Brief"}


@pytest.mark.parametrize("most", [1, 40, 300, 1200])
async def test_a_text_that_would_never_end_is_ended(tiny_host: RunningHost, most: int) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": {"type": "string", "maxLength": most}}}
    choice = await answer(tiny_host, response_format=form, logit_bias={"90": 100}, max_tokens=2000)
    assert choice["finish_reason"] == "stop"
    assert json.loads(choice["message"]["content"]) == "Z" * most


@pytest.mark.parametrize(
    "word",
    ['a (char (char)?)? "][', 'says "we"', "C:\\new\\u00e9", "Größe 東京 🎉", "two\nlines\t\x01", '[^"\\]'],
)
async def test_words_of_a_schema_are_written_as_they_are(tiny_host: RunningHost, word: str) -> None:
    schema = {"type": "object", "properties": {word: {"enum": [word]}}, "required": [word]}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert json.loads(await text_of(tiny_host, response_format=form, max_tokens=200)) == {word: word}


async def test_any_json_object_on_demand(tiny_host: RunningHost) -> None:
    bias = {"34": 12, "125": 12}  # quotes and closing braces, or a random model would not come to an end
    text = await text_of(
        tiny_host, response_format={"type": "json_object"}, logit_bias=bias, seed=3, max_tokens=2000
    )
    assert isinstance(json.loads(text), dict)


async def test_strings_hold_no_raw_line_breaks(tiny_host: RunningHost) -> None:
    """The model is pushed hard towards a line break, which JSON forbids within a string."""
    form = {"type": "json_schema", "json_schema": {"schema": VERDICT}}
    text = await text_of(tiny_host, response_format=form, logit_bias={"10": 100}, seed=1, max_tokens=400)
    assert list(json.loads(text)) == ["reason", "winner", "scores", "close"]


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/nowhere"}, {"$ref": "http://127.0.0.1:9/schema"}, {"type": "nonsense"}, {"pattern": 3}],
)
def test_a_schema_that_cannot_be_enforced_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(HostFailure) as caught:
        grammar_for(schema)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json_schema")


def test_a_schema_too_deep_to_convert_is_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(HostFailure):
        grammar_for(schema)
