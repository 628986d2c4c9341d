"""The JSON shapes that events and the API share."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import AskAccepted, AskError
from fusion_site.engine.results import AnswerResult
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
    """Give a failure as rows and events keep it; `asked` stands in it only where it is false."""
    if error is None:
        return None
    return {
        "kind": error.kind.value,
        "message": error.message,
        "retryable": error.retryable,
        "provider": error.provider,
        **({} if error.asked else {"asked": False}),
    }


def served_json(told: AskAccepted | AnswerResult) -> dict[str, str]:
    """Give who served a call and by which name it can be asked for afterwards, as rows keep it; empty is unknown."""
    return {
        "generation_id": (told.generation_id or "")[:120],
        "provider": (told.provider or "")[:120],
        "served_model": (told.served_model or "")[:300],
    }


def ended_json(result: AnswerResult, cost: Decimal | None) -> dict[str, Any]:
    """Give what is kept of how an answer ended, beside its text."""
    return {
        "outcome": result.outcome.value,
        "error": error_json(result.error),
        "usage": usage_json(result),
        "cost_usd": cost,
        **served_json(result),
        "unconfirmed": result.unconfirmed,
        "first_token_ms": result.first_token_ms,
        "total_ms": result.total_ms,
    }


def usage_json(result: AnswerResult) -> dict[str, Any]:
    """Give the token counts as the API shows them; None is unknown."""
    return asdict(result.usage)


def money(value: Decimal | None) -> str | None:
    """Give an amount in USD as a decimal string, the same for a row as for what it was made of; None is unknown."""
    return None if value is None else format(value.normalize(), "f")
