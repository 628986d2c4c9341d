"""What a comparison found, as plain JSON: the verdict of a judge, the count of a vote, or why there is neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.events import AnswerKey
from fusion_site.engine.judging import Judgement
from fusion_site.engine.settings import FusionSettings


def verdict_json(settings: FusionSettings, judgement: Judgement) -> dict[str, Any]:
    """Give the judgement as plain JSON; answers stand in it as `[round, member]`."""
    first = judgement.passes[0]
    return {
        "winner": list(judgement.winner.key),
        "close_call": judgement.close_call,
        "strength": first.reading.strength,
        "reasoning": first.reading.reasoning,
        "candidates": [_candidate_json(c, judgement) for c in judgement.candidates],
        **first.reading.lists,
        "criteria": [asdict(c) for c in settings.judge.criteria],
        "judge": {"name": settings.judge.name, "model": first.model, "fallback": first.is_fallback},
        "passes": [
            {"order": p.order, "winner": p.reading.winner, "model": p.model, "stage": p.reading.stage}
            for p in judgement.passes
        ],
        "note": judgement.note,
    }


def _candidate_json(candidate: Candidate, judgement: Judgement) -> dict[str, Any]:
    checks = judgement.passes[0].reading.checks.get(candidate.letter, ())
    return {
        "label": candidate.letter,
        "answer": list(candidate.key),
        "score": judgement.scores.get(candidate.letter),
        "clipped": candidate.clipped,
        "truncated": candidate.truncated,
        "reason": candidate.reason,
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
        "judge": None,
        "passes": [],
        "note": note,
    }
