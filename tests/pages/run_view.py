"""The view of a run that has everything a run can have, as its templates read it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.safestring import mark_safe

from fusion_site.pages.words import ending_word

HOSTILE = "<script>alert(1)</script>"


def answer(*, member: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"answer{member}",
        "member": member,
        "round": 0,
        "label": f"Model {member} {HOSTILE}",
        "model": f"vendor/{HOSTILE}",
        "rehearsal": False,
        "aspect": HOSTILE,
        "outcome": "complete",
        "status": "done",
        "place": None,
        "retry_line": "",
        "served": f"served as {HOSTILE}",
        "billing": f"billed {HOSTILE}",
        "retry_message": "",
        "error": None,
        "unconfirmed": False,
        "attempt": 1,
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "reasoning_tokens": None},
        "cost_usd": Decimal("0.0042"),
        "first_token_ms": 640,
        "total_ms": 9400,
        "winner_word": "",
        "is_late": False,
        "may_cancel": False,
        "may_retry": False,
        "may_use": False,
        "may_compare": False,
        "was_asked": True,
        "ended": ending_word(more.get("outcome", "complete"), None),
        "blocks": [mark_safe("<p>First <em>block</em>.</p>")],
        "text_id": f"text-{more.get('round', 0)}-{member}",
        "open_html": mark_safe("<p>The tail</p>"),
        "reasoning": HOSTILE,
        **more,
    }


def tick(*, is_heeded: bool | None) -> dict[str, Any]:
    return {"topic": HOSTILE, "text": HOSTILE, "is_heeded": is_heeded, "came_of_it": "found"}


def verdict() -> dict[str, Any]:
    return {
        "judge_label": f"Judge {HOSTILE}",
        "winner_label": f"Model 0 {HOSTILE}",
        "close_call": True,
        "reasoning": HOSTILE,
        "rows": [
            {
                "criterion": HOSTILE,
                "cells": [
                    {"answer": "answer0", "label": "Model 0", "met": True, "quote": HOSTILE},
                    {"answer": "answer1", "label": "Model 1", "met": False, "quote": ""},
                    {"answer": "answer2", "label": "Model 2", "met": None, "quote": ""},
                ],
            }
        ],
        "columns": [
            {"letter": "A", "answer_label": HOSTILE, "score": 0.86},
            {"letter": "B", "answer_label": "Model 1", "score": 0.0},
            {"letter": "C", "answer_label": "Model 2", "score": None},
        ],
        "consensus": [HOSTILE],
        "contradictions": [{"topic": HOSTILE, "stances": [{"label": HOSTILE, "stance": HOSTILE}]}],
        "partial_coverage": [{"labels": [HOSTILE], "point": HOSTILE}],
        "unique_insights": [{"label": HOSTILE, "insight": HOSTILE}],
        "blind_spots": [HOSTILE],
        "moves": [
            {"label": HOSTILE, "did": "changed", "changed": True, "reason": HOSTILE, "quotes": [HOSTILE]}
        ],
        "version": 2,
        "note": HOSTILE,
    }


def judging() -> dict[str, Any]:
    """Give what a judge that still writes has found."""
    lists = ("consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots")
    return {"text": HOSTILE, **{name: verdict()[name] for name in lists}}


def provenance() -> dict[str, Any]:
    chip = {"answer": "answer0", "label": HOSTILE, "score": 0.71, "quote": f'"{HOSTILE}', "is_there": True}
    gone = {"answer": "answer1", "label": HOSTILE, "score": 1.0, "quote": "", "is_there": False}
    return {
        "whole": [],
        "shares": [{"answers": 2, "share": 0.6}, {"answers": 0, "share": 0.4}],
        "sentences": [
            {"text": HOSTILE, "chips": [chip, gone], "is_own": False},
            {"text": HOSTILE, "chips": [], "is_own": True},
            {"text": "Yes.", "chips": [], "is_own": False},
        ],
        "not_listed": 3,
        "own": [HOSTILE],
        "dropped": [{"label": HOSTILE, "topic": HOSTILE, "text": HOSTILE}],
        "clipped": True,
    }


def run_view(**more: Any) -> dict[str, Any]:
    """Give `state`: eight answers of every kind, a verdict and a fused answer that is being written."""
    kinds: list[dict[str, Any]] = [
        {"winner_word": "best", "may_use": True, "may_compare": True},
        {"status": "queued", "place": 2, "outcome": "", "may_cancel": True, "blocks": [], "open_html": ""},
        {"status": "writing", "outcome": "", "may_cancel": True, "total_ms": None, "is_late": True},
        {
            "status": "retrying",
            "outcome": "",
            "retry_line": f"Rate-limited by {HOSTILE}",
            "retry_message": HOSTILE,
            "attempt": 2,
        },
        {
            "outcome": "error",
            "error": {"kind": "timeout", "message": HOSTILE},
            "cost_usd": None,
            "may_retry": True,
        },
        {"outcome": "truncated", "unconfirmed": True, "rehearsal": True, "cost_usd": None},
        {"outcome": "empty", "blocks": [], "open_html": "", "usage": {}},
        {"round": 1, "member": 0},
    ]
    return {
        "run": {
            "id": "run1",
            "title": f"A prompt {HOSTILE}",
            "prompt": f"A prompt {HOSTILE}\nand its second line",
            "mode": "debate",
            "mode_label": "Debate",
            "state": "fusing",
            "message": HOSTILE,
            "preset_name": HOSTILE,
            "rehearsal": True,
            "cost_usd": Decimal("0.0234"),
            "cost_complete": False,
            "created_at": datetime(2026, 11, 24, 14, tzinfo=UTC),
            "finished_at": None,
            "is_final": False,
            "may_cancel": True,
            "may_add": True,
            "again": f"Fusing again {HOSTILE}",
            "waits": "",
            "fuse_label": f"Fuse again {HOSTILE}",
        },
        "header": f"Fused from 2 of 3. {HOSTILE}",
        "grounds": ["Fused from 2 of 3.", HOSTILE, f"Qwen timed out at 60 s. {HOSTILE}"],
        "answers": [answer(**{"member": i, "id": f"answer{i}", **kind}) for i, kind in enumerate(kinds)],
        "fused": {
            "version": 2,
            "source": "merge",
            "source_label": HOSTILE,
            "finished": False,
            "choice": {
                "keep": [tick(is_heeded=True), tick(is_heeded=None)],
                "drop": [tick(is_heeded=False)],
            },
            "text": "The fused answer",
            "blocks": [mark_safe("<p>The fused <em>block</em>.</p>")],
            "open_html": mark_safe("<p>Its tail</p>"),
        },
        "provenance": provenance(),
        "versions": [{"number": 1, "is_shown": False}, {"number": 2, "is_shown": True}],
        "guide": {"waits_until": datetime(2026, 11, 24, 15, tzinfo=UTC)},
        "verdict": verdict(),
        "judging": None,
        "rounds": [0, 1],
        "status": "The fused answer is being written.",
        **more,
    }
