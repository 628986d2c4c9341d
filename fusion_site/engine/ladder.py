"""Finding the JSON object in a judge's reply: a ladder of ever more patient ways, none of which guesses."""

from __future__ import annotations

import json
import re
from typing import Any

_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
# Models write raw line breaks into their JSON strings; what is meant is plain.
_DECODER = json.JSONDecoder(strict=False)
# A judge writes a few thousand tokens. Beyond this only a broken or hostile server goes on, and its end is enough.
LOOKED_AT = 100_000
MOST_TRIES = 200

Found = tuple[str, dict[str, Any]]


class Unreadable(Exception):
    """The reply holds no verdict over the live candidates; the message says what is missing."""


def find_object(reply: str, key: str) -> Found:
    """Give the rung (`strict`, `fence` or `balanced`) and the object that ends the reply, in which `key` is named last.

    Objects before that one do not count, even where the last cannot be read: a judge may quote a candidate that
    holds a verdict of its own making. Raises Unreadable.
    """
    reply = reply.strip()[-LOOKED_AT:]
    named = reply.rfind(f'"{key}"')
    if "{" not in reply:
        raise Unreadable("it holds no JSON object")
    if named < 0:
        raise Unreadable(f"its JSON has no `{key}`")
    for stage, found in (
        ("strict", _read(reply)),
        ("fence", _in_fence(reply, named)),
        ("balanced", _around(reply, named)),
    ):
        if found is not None and key in found:
            return stage, found
    raise Unreadable(f"its last JSON object, which should name the `{key}`, cannot be read")


def _read(text: str) -> dict[str, Any] | None:
    try:
        found = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):  # the decoder is recursive, and the reply a stranger's
        return None
    return found if isinstance(found, dict) else None


def _in_fence(reply: str, at: int) -> dict[str, Any] | None:
    for fence in _FENCE.finditer(reply):
        if fence.start(1) <= at < fence.end(1):
            return _read(fence[1]) if _is_last(reply, fence.end()) else None
    return None


def _around(reply: str, at: int) -> dict[str, Any] | None:
    """Give the outermost object around a place; an object is found by reading it, not by counting braces."""
    start = reply.find("{")
    for _ in range(MOST_TRIES):
        if not 0 <= start < at:
            return None
        try:
            found, end = _DECODER.raw_decode(reply, start)
        except (ValueError, RecursionError):
            end = start + 1
        if end > at:
            return found if isinstance(found, dict) and _is_last(reply, end) else None
        start = reply.find("{", end)
    return None


def _is_last(reply: str, end: int) -> bool:
    """Whether no other object, and no ruin of one, comes after this place."""
    return not {"{", "}"} & set(reply[end:])
