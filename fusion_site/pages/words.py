"""Plain words for the short names that rows, events and the API use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATES = {
    "queued": "Queued",
    "answering": "Answering",
    "judging": "Judging",
    "fusing": "Fusing",
    "settling": "Settling",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Stopped",
}

OUTCOMES = {
    "complete": "Complete",
    "truncated": "Cut off at the token limit",
    "filtered": "Withheld by the provider's filter",
    "empty": "Came back empty",
    "interrupted": "Broke off",
    "cancelled": "Stopped",
    "error": "Failed",
}

ERRORS = {
    "auth": "Key refused",
    "billing": "No credit left",
    "permission": "Not allowed",
    "moderation": "Refused by moderation",
    "not_found": "No such model",
    "bad_request": "Request refused",
    "context_length": "Too long for this model",
    "too_large": "Too large",
    "rate_limit": "Too many requests",
    "overloaded": "Overloaded",
    "upstream": "Provider failed",
    "timeout": "Out of time",
    "network": "Connection failed",
    "protocol": "Unreadable reply",
    "server": "Server failed",
}


def state_word(state: str) -> str:
    """How far a run has come, as a heading says it."""
    return STATES.get(state, state)


def outcome_word(outcome: str) -> str:
    """How an answer ended, as its card says it."""
    return OUTCOMES.get(outcome, outcome)


def ending_word(outcome: str, error: Mapping[str, Any] | None) -> str:
    """How an answer ended; one that was forbidden to be asked for is no failure."""
    return "Not asked" if was_not_asked(error) else outcome_word(outcome)


def was_not_asked(error: Mapping[str, Any] | None) -> bool:
    """Whether this error says that nobody was asked, as the site's own rules forbade it."""
    return error is not None and error.get("asked") is False


def error_word(kind: str) -> str:
    """Why an ask failed, in two or three words; the error's own message says the rest."""
    return ERRORS.get(kind, kind)
