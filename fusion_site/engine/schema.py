"""The JSON schemas of a judge's replies: told in its prompt, and enforced where its server can.

Each has what servers ask of a strict schema: no other fields than these, and every one of them. Where candidates and
criteria are known, only their letters and names can be written. What a text or list may hold at most is far more than is
asked for; it brings small models to an end, which under a grammar may repeat themselves for as long as they are let.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from fusion_site.engine.needs import MOST_LINES

Schema = dict[str, Any]
UNDECIDED = "none"  # what a judge names as the winner where it cannot tell
# Keywords that hosted services know only in part, or refuse a schema for: a text's length is not among what OpenAI lists as
# supported in strict mode, a list's not among what Anthropic does.
BOUNDS = frozenset({"maxLength", "maxItems"})
_WORD, _TITLE, _SENTENCE, _REASONING = 64, 120, 240, 1200  # characters
_POINTS = 4


def score_schema(criteria: Sequence[str] = ()) -> Schema:
    """Give the schema of one candidate's score by criteria of these names; of any, where there are none.

    The reasoning comes before the checks, so that it is written before they are decided; before both comes the mark, by
    which the judge's own object is told from one that it quotes.
    """
    return _object(mark=_text(_WORD), reasoning=_text(_REASONING), criteria=_checks(criteria))


def verdict_schema(letters: Sequence[str] = (), criteria: Sequence[str] = ()) -> Schema:
    """Give the schema of a verdict over candidates with these letters, by criteria of these names; without, over any.

    The reasoning comes before the winner, so that it is written before it is decided.
    """
    letter, each = _one_of(letters, _WORD), len(letters) or _POINTS
    point = _text(_SENTENCE)
    stances = _list(_object(label=letter, stance=point), each)
    return _object(
        mark=_text(_WORD),
        reasoning=_text(_REASONING),
        candidates=_list(_object(label=letter, criteria=_checks(criteria)), each),
        consensus=_list(point, _POINTS),
        contradictions=_list(_object(topic=_text(_TITLE), stances=stances), _POINTS),
        partial_coverage=_list(_object(labels=_list(letter, each), point=point), _POINTS),
        unique_insights=_list(_object(label=letter, insight=point), _POINTS),
        blind_spots=_list(point, _POINTS),
        winner=_one_of([*letters, UNDECIDED] if letters else (), _WORD),
        strength=_one_of(["clear", "slight"], _WORD),
    )


def without(schema: Schema, keywords: Collection[str]) -> Schema:
    """Give a schema without these keywords, at every depth; fields of the same names stay."""

    def kept(value: Any, *, names: bool = False) -> Any:
        if isinstance(value, dict):
            return {
                key: kept(inner, names=key == "properties" and not names)
                for key, inner in value.items()
                if names or key not in keywords
            }
        return [kept(inner) for inner in value] if isinstance(value, list) else value

    bare: Schema = kept(schema)
    return bare


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def _text(most: int) -> Schema:
    return {"type": "string", "maxLength": most}


def _one_of(words: Sequence[str], most: int) -> Schema:
    """One of some words, or where none are known any text."""
    return {"type": "string", "enum": list(words)} if words else _text(most)


def _checks(criteria: Sequence[str]) -> Schema:
    check = _object(name=_one_of(criteria, _TITLE), met={"type": "boolean"}, quote=_text(_SENTENCE))
    return _list(check, len(criteria) or MOST_LINES)
