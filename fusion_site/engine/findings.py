"""What a comparison found, as plain JSON: the verdict of a judge, the count of a vote, or why there is neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.defusing import harmless
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.weighing import Judgement, Pass


def verdict_json(settings: FusionSettings, judgement: Judgement) -> dict[str, Any]:
    """Give the judgement as plain JSON; answers stand in it as `[round, member]`."""
    first = judgement.passes[0]
    return {
        "winner": list(judgement.winner.key),
        "close_call": judgement.close_call,
        "strength": first.reading.strength,
        "reasoning": first.reading.reasoning,
        "candidates": [_candidate_json(c, judgement) for c in (*judgement.candidates, *judgement.rest)],
        "finalists": [c.letter for c in judgement.candidates],
        "needs": list(judgement.needs),
        **first.reading.lists,
        "criteria": [asdict(c) for c in settings.judge.criteria],
        "judge": {"name": settings.judge.name, "model": first.model, "fallback": first.is_fallback},
        "judge_in_pool": first.model in {member.model.model for member in settings.members},
        "passes": [_pass_json(p) for p in judgement.passes],
        "second": [_pass_json(p) for p in judgement.second],
        "note": judgement.note,
    }


def _pass_json(one: Pass) -> dict[str, Any]:
    return {
        "order": one.order,
        "winner": one.reading.winner,
        "model": one.model,
        "stage": one.reading.stage,
    }


def _candidate_json(candidate: Candidate, judgement: Judgement) -> dict[str, Any]:
    early = candidate.early.checks if candidate.early else ()
    checks = judgement.passes[0].reading.checks.get(candidate.letter, ()) or early
    return {
        "label": candidate.letter,
        "answer": list(candidate.key),
        "score": judgement.score(candidate),
        "clipped": candidate.clipped,
        "truncated": candidate.truncated,
        "reason": harmless(candidate.reason),
        "criteria": [asdict(check) for check in checks],
    }


def vote_json(winners: Sequence[AnswerKey], value: str) -> dict[str, Any]:
    """Give the finding of a vote, in the shape of a verdict that no judge had a part in."""
    note = f"{len(winners)} answers agreed on {value}; no judge was asked."
    return {**unjudged_json(note), "winner": list(winners[0])}


def unjudged_json(note: str) -> dict[str, Any]:
    """Give the finding where there is none, in the shape of a verdict without a winner; `note` says why."""
    return {
        "winner": None,
        "close_call": False,
        "candidates": [],
        "finalists": [],
        "needs": [],
        "judge": None,
        "judge_in_pool": False,
        "passes": [],
        "second": [],
        "note": note,
    }
