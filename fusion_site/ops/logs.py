"""How log lines look, as plain text or as JSON, and what never stands in one: keys, prompts, answers, tokens."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson
from django.http import HttpRequest

from fusion_site.ops.log_facts import known_now

# Longer texts are somebody's, not ours.
LONGEST = 2000
_LONGEST_REASON = 300
_HIDDEN = "[hidden]"

_SECRETS = re.compile(
    r"""
    \b(?:sk|pk|rk|hf|gsk|xai|fus|ghp|AIza)[-_][A-Za-z0-9_\-]{8,}      # keys by their prefix, this site's tokens too
    | (?<=Bearer\ )\S+ | (?<=Basic\ )\S+
    | \bgAAAA[A-Za-z0-9_\-=]{20,}                                      # what Fernet has sealed
    | (?<=://)[^\s/@:]*:[^\s/@]+(?=@)                                  # user and password of an address
    | (?<=\bsid=)[^\s;,]+ | (?<=\bcsrf=)[^\s;,]+ | (?<=csrftoken=)[^\s;,]+
    | (?<=[?&]code=)[^\s&]+ | (?<=[?&]token=)[^\s&]+
    """,
    re.VERBOSE,
)


class Lines(logging.Formatter):
    """What both forms share. `secrets` are texts of the site's own that no line may hold."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 8), key=len, reverse=True)

    def safe(self, text: str) -> str:
        """Give `text` without what looks like a secret: the last line of defence, for what should not be there."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return without_secrets(text)

    def sentence(self, record: logging.LogRecord) -> str:
        """Give the record's message; one about a request names the address by its pattern, which holds no token."""
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest):
            status = getattr(record, "status_code", "an error")
            return f"{request.method} {route_of(request)} was answered by {status}"
        text = " | ".join(record.getMessage().splitlines())  # one record is one line, whoever wrote its words
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"

    def failure(self, record: logging.LogRecord) -> str:
        """Give the traceback of the record, if it has one."""
        error = record.exc_info[1] if record.exc_info else None
        return "" if error is None else "".join(_told(error, set()))

    def facts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Give the facts of the line and of what is worked on."""
        return {**known_now(), **getattr(record, "facts", {})}


class PlainLines(Lines):
    """For people: time, level, place, sentence, facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, and the traceback below it."""
        told = " ".join(f"{name}={value}" for name, value in self.facts(record).items())
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {self.sentence(record)}"
        whole = "\n".join(filter(None, [f"{line} ({told})" if told else line, self.failure(record).rstrip()]))
        return self.safe(whole)


class JsonLines(Lines):
    """For programs: one JSON object a line with `at`, `level`, `logger`, `message`, the facts, and `failure`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.sentence(record),
            **self.facts(record),
        }
        if failure := self.failure(record):
            line["failure"] = failure
        return orjson.dumps(self._all_safe(line), default=str).decode()

    def _all_safe(self, line: dict[str, Any]) -> dict[str, Any]:
        return {name: self.safe(value) if isinstance(value, str) else value for name, value in line.items()}


def without_secrets(text: str) -> str:
    """Give `text` with everything hidden that looks like a key or a token by its form."""
    return _SECRETS.sub(_HIDDEN, text)


def route_of(request: HttpRequest) -> str:
    """Give the pattern of the address that was asked, e.g. `runs/<str:run_id>/`; of an unknown one nothing is told."""
    match = request.resolver_match
    return match.route if match is not None else "(no such address)"


def _told(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Give a traceback in which only the first line of each reason stands: databases quote rows in what follows."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _told(before, seen)
        yield "which led to:\n"
    yield from _frames(error.__traceback__)
    reason = next(iter(str(error).splitlines()), "")[:_LONGEST_REASON]
    yield f"{type(error).__module__}.{type(error).__qualname__}: {reason}\n"
    for inner in getattr(error, "exceptions", ()):
        if isinstance(inner, BaseException) and id(inner) not in seen:
            yield from _told(inner, seen)


def _frames(trace: TracebackType | None) -> list[str]:
    return traceback.format_tb(trace)
