"""What an error body says, dug out of every shape that servers give it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fusion_site.providers.shapes import Malformed, as_amount, as_dict, as_list, as_text, load_json, one_line
from fusion_site.providers.waits import exhausted, span

DETAIL_LIMIT = 400
TELLING_KEYS = ("message", "error", "detail", "details", "msg", "error_message")


@dataclass(frozen=True, slots=True)
class Report:
    """An error as the server put it: `codes` from the most to the least telling, in lower case."""

    detail: str = ""
    codes: tuple[str, ...] = ()
    status: int | None = None
    provider: str | None = None
    param: str = ""
    moderated: bool = False
    retryable: bool | None = None
    retry_after: float | None = None


def read_report(body: object) -> Report:
    """Give what the decoded `body` of a failed reply, or the `error` of a chunk, says."""
    outer = as_dict(body[0]) if isinstance(body, list) and body else as_dict(body)
    error = as_dict(outer.get("error")) or outer
    metadata = as_dict(error.get("metadata"))
    availability = as_dict(error.get("availability"))
    provider = one_line(as_text(metadata.get("provider_name")), 80) or None
    retryable = availability.get("retryable")
    return Report(
        detail=_detail(body, error, metadata, provider),
        codes=tuple(_codes(outer, error, metadata, availability)),
        status=_status(error),
        provider=provider,
        param=_param(outer, error),
        moderated=any(metadata.get(key) for key in ("reasons", "flagged_input", "patterns")),
        retryable=retryable if isinstance(retryable, bool) else None,
        retry_after=_retry_after(error, metadata, availability),
    )


def read_report_bytes(data: bytes) -> Report:
    """Give what an undecoded body says. Text that is no JSON is its own detail; an HTML page says nothing."""
    try:
        return read_report(load_json(data))
    except Malformed:
        text = data[: DETAIL_LIMIT * 4].decode("utf-8", "replace").strip()
        return Report(detail="" if text.startswith("<") else one_line(text, DETAIL_LIMIT))


def _detail(body: object, error: dict[str, Any], metadata: dict[str, Any], provider: str | None) -> str:
    text = one_line(_dig(error or body), DETAIL_LIMIT)
    raw = metadata.get("raw")
    if raw and text.lower() in ("", "provider returned error"):
        # OpenRouter's own sentence says nothing here; what the model's provider said is in `raw`.
        text = one_line(_dig(raw), DETAIL_LIMIT) or text
        return f"[{provider}] {text}" if provider else text
    return text


def _dig(value: object, depth: int = 0) -> str:
    """Give the first sentence found in `value`: text, JSON inside text, an object, or a list of complaints."""
    if depth > 6:
        return ""
    if isinstance(value, str):
        return _dig_text(value, depth)
    if isinstance(value, list):
        return "; ".join(filter(None, (_dig(item, depth + 1) for item in value[:3])))
    fields = as_dict(value)
    found = next(filter(None, (_dig(fields[key], depth + 1) for key in TELLING_KEYS if key in fields)), "")
    place = ".".join(str(step) for step in as_list(fields.get("loc")) if step != "body")
    return f"{place}: {found}" if found and place else found


def _dig_text(text: str, depth: int) -> str:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _dig(load_json(text.encode("utf-8", "replace")), depth + 1) or text
        except Malformed:
            return text
    return "" if text in ("None", "null") else text


def _codes(*objects: dict[str, Any]) -> Iterator[str]:
    outer, error, metadata, availability = objects
    inner = as_dict(error.get("innererror"))
    for value in (
        metadata.get("error_type"),
        error.get("error_type"),
        outer.get("error_type"),
        availability.get("code"),
        inner.get("code"),
        error.get("code"),
        error.get("type"),
        error.get("status"),
        metadata.get("provider_code"),
    ):
        code = as_text(value).strip().lower()
        if code and code not in ("none", "null") and not code.isdigit():
            yield code


def _status(error: dict[str, Any]) -> int | None:
    for key in ("code", "status", "http_status", "status_code"):
        value = error.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:4])
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _param(outer: dict[str, Any], error: dict[str, Any]) -> str:
    """Name the parameter complained about: OpenAI's `param`, or the first `loc` of a pydantic list."""
    if param := as_text(error.get("param")):
        return param
    message = error.get("message")
    complaints = as_list(outer.get("detail")) or as_list(as_dict(message).get("detail"))
    for complaint in complaints:
        steps = [step for step in as_list(as_dict(complaint).get("loc")) if step != "body"]
        if steps:
            return str(steps[0])
    return ""


def _retry_after(
    error: dict[str, Any], metadata: dict[str, Any], availability: dict[str, Any]
) -> float | None:
    """Seconds to wait from OpenRouter's availability object, Google's RetryInfo, or headers inside the body."""
    if (seconds := as_amount(availability.get("retry_after"))) is not None:
        return float(seconds)
    for item in as_list(error.get("details")):
        if delay := as_text(as_dict(item).get("retryDelay")):
            return span(delay)
    headers = as_dict(metadata.get("headers"))
    return exhausted({name.lower(): str(value) for name, value in headers.items()})
