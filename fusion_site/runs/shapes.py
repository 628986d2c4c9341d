"""The JSON shapes that events and the API share."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import AskError
from fusion_site.engine.events import AnswerResult
from fusion_site.runs.models import Answer


def answer_json(answer: Answer) -> dict[str, Any]:
    """Give what an event says of an answer that begins to exist."""
    return {
        "answer": answer.pk,
        "round": answer.round,
        "member": answer.member,
        "label": answer.label,
        "model": answer.model,
        "rehearsal": answer.rehearsal,
    }


def error_json(error: AskError | None) -> dict[str, Any] | None:
    """Give a failure as the API shows it."""
    if error is None:
        return None
    return {
        "kind": error.kind.value,
        "message": error.message,
        "retryable": error.retryable,
        "provider": error.provider,
    }


def usage_json(result: AnswerResult) -> dict[str, Any]:
    """Give the token counts as the API shows them; None is unknown."""
    return asdict(result.usage)


def money(value: Decimal | None) -> str | None:
    """Give an amount in USD as a decimal string; None is unknown."""
    return None if value is None else format(value, "f")
