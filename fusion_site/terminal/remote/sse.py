"""Server-sent events as this site writes them, by the grammar of the HTML standard, section 9.2."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event of a run; `seq` is its id."""

    seq: int
    kind: str
    data: dict[str, Any]


class Malformed(Exception):
    """What came is no event of a run."""


def events_in(pieces: Iterable[bytes]) -> Iterator[Event | None]:
    """Yield the events in a body that comes in pieces, and None for a comment, which says that the site is there.

    What has no closing blank line was cut, and is left out. Lines end at LF, which is all that the site writes:
    splitting text at whatever else may end a line would split JSON strings. Raises Malformed.
    """
    fields: dict[bytes, bytes] = {}
    for line in _lines(pieces):
        if line.startswith(b":"):
            yield None
        elif line:
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        elif fields:
            yield _event(fields)
            fields = {}


def _event(fields: Mapping[bytes, bytes]) -> Event:
    try:
        return Event(int(fields[b"id"]), fields[b"event"].decode(), json.loads(fields[b"data"]))
    except (KeyError, ValueError):
        raise Malformed from None


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
