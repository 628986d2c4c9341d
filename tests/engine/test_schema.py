"""The schemas that judges' servers are asked to enforce: what strict ones refuse, and what can be written under them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.prompts import judge_messages, score_messages
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.schema import BOUNDS, Schema, score_schema, verdict_schema, without
from fusion_site.engine.settings import Criterion
from tests.engine.judges import holding, judge_by
from tests.engine.recording import JUDGE, cast, record, settings
from tests.engine.scripted import writes

# What OpenAI and Anthropic both take in a schema that is to be obeyed.
TAKEN = {"type", "properties", "required", "additionalProperties", "items", "enum"}
SCHEMAS = [score_schema(), score_schema(["Kind"]), verdict_schema(), verdict_schema("AB", ["Kind", "Brief"])]


def parts(schema: Schema) -> Iterator[Schema]:
    """Yield a schema and every schema in it."""
    yield schema
    for inner in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from parts(inner)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_they_keep_the_rules_of_strict_servers(schema: Schema) -> None:
    """Every field required, no other field, no keyword that one of them does not know."""
    for part in parts(without(schema, BOUNDS)):
        assert part.keys() <= TAKEN
        if part["type"] == "object":
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_text_and_list_comes_to_an_end(schema: Schema) -> None:
    for part in parts(schema):
        assert part["type"] != "string" or "enum" in part or part["maxLength"] <= 1200
        assert part["type"] != "array" or part["maxItems"] <= 6


def test_fields_are_kept_whatever_their_names() -> None:
    inner = {"type": "string", "maxLength": 3}
    schema = {"properties": {"maxLength": inner, "properties": {"properties": {"maxItems": inner}}}}
    bare = {"type": "string"}
    assert without(schema, BOUNDS) == {
        "properties": {"maxLength": bare, "properties": {"properties": {"maxItems": bare}}}
    }
    assert schema["properties"]["maxLength"] == inner


def test_a_judge_can_name_only_live_candidates_and_its_own_criteria() -> None:
    criteria = (Criterion("Kind"), Criterion("Brief"), Criterion("Kind"))
    told = record(
        settings(judge={"criteria": criteria}, members=2),
        cast(writes("One."), writes("Two."), judge=judge_by(holding("Two"))),
    )
    asked = [call.ask.json_schema for call in told.asker.calls_to(JUDGE)]
    assert asked == [verdict_schema("AB", ["Kind", "Brief"])] * 2, "one schema for both orders"
    fields: dict[str, Any] = verdict_schema("AB", ["Kind", "Brief"])["properties"]
    assert fields["winner"]["enum"] == ["A", "B", "none"]
    each = fields["candidates"]["items"]["properties"]
    assert (each["label"]["enum"], fields["candidates"]["maxItems"]) == (["A", "B"], 2)
    assert each["criteria"]["items"]["properties"]["name"]["enum"] == ["Kind", "Brief"]


def test_what_a_judge_reads_of_it_is_the_same_in_every_run_and_short() -> None:
    """It stands before the question, where servers keep a common beginning in their caches."""
    shown = [Candidate(AnswerKey(n, 0), f"Answer {n}.", letter) for n, letter in enumerate("ABC")]
    one = settings(judge={"criteria": (Criterion("Kind"),)})
    other = replace(one, judge=replace(one.judge, criteria=(Criterion("Brief"), Criterion("Odd"))), seed=9)
    assert judge_messages(one, shown)[0] == judge_messages(other, shown[:2])[0]
    assert score_messages(one, shown)[0] == score_messages(other, shown[:1])[0]
    for messages, schema in [
        (judge_messages(one, shown), verdict_schema()),
        (score_messages(one, shown), score_schema()),
    ]:
        told = json.loads(messages[0].content.rsplit(":\n", 1)[1])
        assert told == without(schema, {*BOUNDS, "additionalProperties"})
