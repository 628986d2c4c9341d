"""The verdict's card: what the judge found, with names where it saw letters; while it writes, what is there of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fusion_site.engine.unfinished import found_so_far
from fusion_site.runs.parts import JudgeState


def verdict_view(verdict: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Give a verdict as a table of criteria by candidates, with names where the judge saw letters."""
    candidates = verdict.get("candidates", [])
    names = {c["label"]: labels.get(c["answer"], c["label"]) for c in candidates}
    judge = verdict.get("judge")
    return {
        "judge_label": f"{judge['name']} ({judge['model']})" if judge else "",
        "winner_label": labels.get(verdict.get("winner") or "", ""),
        "close_call": verdict.get("close_call", False),
        "judge_in_pool": verdict.get("judge_in_pool", False),
        "second_model": next((p["model"] for p in verdict.get("second", [])), ""),
        "readings": len([*verdict.get("passes", []), *verdict.get("second", [])]),
        "needs": verdict.get("needs", []),
        "reasoning": verdict.get("reasoning", ""),
        "columns": [
            {
                "letter": c["label"],
                "answer_label": names[c["label"]],
                "score": c["score"],
                "is_finalist": c["label"] in verdict.get("finalists", names),
            }
            for c in candidates
        ],
        "rows": [_row(criterion, candidates, names) for criterion in verdict.get("criteria", [])],
        **_findings(verdict, names),
        "moves": [_move(move, labels) for move in verdict.get("moves", [])],
        "note": verdict.get("note", ""),
    }


def judging_view(judging: JudgeState, labels: Mapping[str, str]) -> dict[str, Any]:
    """Give what a judge that still writes has found so far; whom it picks is not told before its end."""
    names = {c["label"]: labels.get(c["answer"], c["label"]) for c in judging.candidates}
    return {"text": judging.text, **_findings(found_by(judging), names)}


def found_by(judging: JudgeState) -> dict[str, list[Any]]:
    """Give the lists of a judge that still writes, in which candidates stand by their letters."""
    return _found(judging.text, "".join(c["label"] for c in judging.candidates))


@lru_cache(maxsize=64)
def _found(text: str, letters: str) -> dict[str, list[Any]]:
    """Read it once for everybody who looks, and not again for what else happens meanwhile."""
    return found_so_far(text, letters)


def _findings(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Give the five lists."""
    return {
        "consensus": found.get("consensus", []),
        "contradictions": [
            {
                "topic": item["topic"],
                "stances": [{**s, "label": names.get(s["label"], s["label"])} for s in item["stances"]],
            }
            for item in found.get("contradictions", [])
        ],
        "partial_coverage": [
            {**item, "labels": [names.get(x, x) for x in item["labels"]]}
            for item in found.get("partial_coverage", [])
        ],
        "unique_insights": [
            {**item, "label": names.get(item["label"], item["label"])}
            for item in found.get("unique_insights", [])
        ],
        "blind_spots": found.get("blind_spots", []),
    }


# What a member did in a debate, as the page says it.
_MOVES = {
    "change": "meant to change its answer, but gave no reason or no new answer, so the old one stands",
    "keep": "kept its answer",
    "unclear": "said neither that it keeps nor that it changes, so its answer stands",
}


def _move(move: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "label": labels.get(move["answer"], "?"),
        "did": "changed its answer" if move["changed"] else _MOVES[move["choice"]],
        "changed": move["changed"],
        "reason": move["reason"],
        "quotes": [labels.get(key, "?") for key in move["quotes"]],
    }


def _row(
    criterion: dict[str, Any], candidates: list[dict[str, Any]], names: Mapping[str, str]
) -> dict[str, Any]:
    cells = []
    for candidate in candidates:
        name = criterion["name"].casefold()
        check = next((c for c in candidate["criteria"] if c["name"].casefold() == name), None)
        cells.append(
            {
                "answer": candidate["answer"],
                "label": names[candidate["label"]],
                "met": check["met"] if check else None,
                "quote": check["quote"] if check else "",
            }
        )
    return {"criterion": criterion["name"], "cells": cells}
