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

MARK, MARKED = "mark", "marked"
Found = tuple[str, dict[str, Any]]


class Unreadable(Exception):
    """The reply holds no verdict over the live candidates; the message says what is missing."""


def find_object(reply: str, key: str, mark: str = "") -> Found:
    """Give the rung on which the judge's object with this `key` was found in its reply, and the object. Raises Unreadable.

    Where an object bears the call's `mark`, a word that no candidate could know, the last such one is the judge's
    own (`marked`), whatever it quotes before or after; and if that one cannot be read, no other stands in for it.

    Where none does, it is the object that ends the reply, in which `key` is named last (`strict`, `fence` or
    `balanced`). Objects before that one do not count, even where the last cannot be read: a judge may quote a candidate
    that holds a verdict of its own making.
    """
    reply = reply.strip()[-LOOKED_AT:]
    if (at := _last_mark(reply, mark)) is not None:
        if (own := _marked(reply, at, mark)) is not None and key in own:
            return MARKED, own
        raise Unreadable(f"its JSON object with the mark, which should name the `{key}`, cannot be read")
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


def _last_mark(reply: str, mark: str) -> int | None:
    """Give the place of the last field that holds the mark, or None. Elsewhere the mark is a word like any other."""
    if not mark:
        return None
    places = [each.start() for each in re.finditer(rf'"{MARK}"\s*:\s*"{re.escape(mark)}"', reply)]
    return places[-1] if places else None


def _marked(reply: str, at: int, mark: str) -> dict[str, Any] | None:
    """Give the object of which the mark at this place is a field: the nearest that is one, read from there backwards."""
    start = at
    for _ in range(MOST_TRIES):
        if (start := reply.rfind("{", 0, start)) < 0:
            return None
        try:
            found, end = _DECODER.raw_decode(reply, start)
        except (ValueError, RecursionError):
            continue
        if end > at:
            return found if found.get(MARK) == mark else None
    return None


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
