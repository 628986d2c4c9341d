"""The JSON schemas of a judge's replies."""

from __future__ import annotations

from typing import Any


def _object(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT: dict[str, Any] = {"type": "string"}

_CHECKS = _list(
    _object(["name", "met", "quote"], name=_TEXT, met={"type": "boolean"}, quote=_TEXT),
)

# The reasoning comes before the checks, so that it is written before they are decided; before both comes the mark, by
# which the judge's own object is told from one that it quotes.
SCORE_SCHEMA: dict[str, Any] = _object(
    ["mark", "reasoning", "criteria"], mark=_TEXT, reasoning=_TEXT, criteria=_CHECKS
)

# The reasoning comes before the winner, so that it is written before it is decided.
VERDICT_SCHEMA: dict[str, Any] = _object(
    ["mark", "reasoning", "candidates", "winner"],
    mark=_TEXT,
    reasoning=_TEXT,
    candidates=_list(
        _object(
            ["label", "criteria"],
            label=_TEXT,
            criteria=_CHECKS,
        )
    ),
    consensus=_list(_TEXT),
    contradictions=_list(
        _object(
            ["topic", "stances"],
            topic=_TEXT,
            stances=_list(_object(["label", "stance"], label=_TEXT, stance=_TEXT)),
        )
    ),
    partial_coverage=_list(_object(["labels", "point"], labels=_list(_TEXT), point=_TEXT)),
    unique_insights=_list(_object(["label", "insight"], label=_TEXT, insight=_TEXT)),
    blind_spots=_list(_TEXT),
    winner=_TEXT,
    strength={"type": "string", "enum": ["clear", "slight"]},
)
