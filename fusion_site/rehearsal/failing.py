"""The ways in which a scripted model can be told to fail, by the words `fail:…` in its prompt."""

from __future__ import annotations

import re
from enum import StrEnum


class Failure(StrEnum):
    """One way to fail."""

    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    AUTH = "auth"
    CUT = "cut"
    EMPTY = "empty"
    LENGTH = "length"
    FILTER = "filter"
    HANG = "hang"


_WORD = re.compile(rf"\bfail:({'|'.join(Failure)})\b", re.IGNORECASE)


def told_failure(text: str) -> Failure | None:
    """Give the first failure that `text` tells a script to have."""
    found = _WORD.search(text)
    return Failure(found[1].lower()) if found else None


class Refusal(Exception):
    """A request that is answered by an error body; `wait_s` is when to ask again."""

    def __init__(
        self, status: int, kind: str, code: str | None, message: str, *, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message
        self.wait_s = wait_s

    def body(self) -> dict[str, dict[str, str | None]]:
        """The JSON body."""
        return {"error": {"message": self.message, "type": self.kind, "param": None, "code": self.code}}


def refusal_for(failure: Failure) -> Refusal | None:
    """Give the error that is sent instead of an answer, or None where the failure shows only in the answer."""
    match failure:
        case Failure.RATE_LIMIT:
            message = "This script was told to be asked too often (fail:rate_limit)."
            return Refusal(429, "rate_limit_error", "rate_limit_exceeded", message, wait_s=1.0)
        case Failure.OVERLOADED:
            message = "This script was told to be overloaded (fail:overloaded)."
            return Refusal(503, "overloaded_error", None, message)
        case Failure.AUTH:
            message = "This script was told to refuse the key (fail:auth)."
            return Refusal(401, "authentication_error", "invalid_api_key", message)
        case _:
            return None
