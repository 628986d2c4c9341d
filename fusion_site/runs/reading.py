"""A run as programs read it."""

from __future__ import annotations

from typing import Any

from fusion_site.runs.header import header
from fusion_site.runs.parts import AnswerState, FusedState
from fusion_site.runs.saying import billed_after_cancel
from fusion_site.runs.state import RunState
from fusion_site.runs.thread_words import thread_lines


def run_json(state: RunState) -> dict[str, Any]:
    """Give the run in the shape of the API; unknown numbers are None, never 0."""
    answers = sorted(state.answers.values(), key=lambda a: (a.round, a.member))
    fusions = [_fused(state, f) for _, f in sorted(state.fusions.items())]
    shown = _fused(state, state.fused) if state.fused and state.state != "failed" else None
    return {
        "id": state.id,
        "state": state.state,
        "reopened": state.reopened or None,
        "guided": state.guided,
        "waits_until": state.waits_until,
        "mode": state.mode,
        "preset": state.preset,
        "preset_name": state.preset_name,
        "pinned": state.pinned or None,
        "rehearsal": state.rehearsal,
        "prompt": state.prompt,
        "pictures": state.pictures,
        "unseen_by": state.unseen_by,
        "after": state.after,
        "history": state.history or None,
        "thread": [*state.earlier, state.id],
        "left_out": state.left_out,
        "stand_ins": state.stand_ins,
        "thread_says": thread_lines(state),
        "message": state.message,
        "answers": [answer_json(a) for a in answers],
        "verdict": state.verdict,
        "fused": shown,
        "fusions": fusions,
        "cost_usd": state.cost_usd,
        "cost_complete": state.cost_complete,
        "seq": state.seq,
        "created_at": state.created_at,
        "finished_at": state.finished_at,
    }


def answer_json(answer: AnswerState) -> dict[str, Any]:
    """Give one answer; `outcome` is None while it is being written."""
    usage = answer.usage or {}
    return {
        "id": answer.id,
        "member": answer.member,
        "label": answer.label,
        "model": answer.model,
        "rehearsal": answer.rehearsal,
        "round": answer.round,
        "outcome": answer.outcome or None,
        "unconfirmed": answer.unconfirmed,
        "text": answer.text,
        "reasoning": answer.reasoning,
        "error": _error(answer.error),
        "usage": {k: usage.get(k) for k in ("prompt_tokens", "completion_tokens", "reasoning_tokens")},
        "cost_usd": answer.cost_usd,
        "billed_after_cancel": billed_after_cancel(answer),
        "generation_id": answer.generation_id or None,
        "served_model": answer.served_model or None,
        "provider": answer.provider or None,
        "first_token_ms": answer.first_token_ms,
        "total_ms": answer.total_ms,
        "attempt": answer.attempt,
    }


def _error(error: dict[str, Any] | None) -> dict[str, Any] | None:
    return {k: error.get(k) for k in ("kind", "message", "retryable")} if error else None


def _fused(state: RunState, fused: FusedState) -> dict[str, Any]:
    """Give one version of the fused answer, with what has been written of it; where it comes from is None until it is known."""
    found = fused.provenance or {}
    return {
        "version": fused.version,
        "text": fused.text,
        "source": fused.source,
        "from": fused.answers,
        "late": fused.late,
        "note": fused.note,
        "finished": fused.finished,
        "header": header(state, fused),
        "verdict": fused.verdict,
        "guidance": fused.guidance,
        "provenance": found.get("sentences"),
        "judge_only": found.get("judge_only"),
        "dropped": found.get("dropped"),
        "provenance_clipped": found.get("clipped"),
    }
