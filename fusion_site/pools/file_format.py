"""The file in which pools, judges and presets leave a site and come to another; docs/files.md describes it.

It holds no ids and no keys. Things refer to each other by the names that they have in the file, of which each kind has
any only once; a connection is told by its name and where it leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from fusion_site.pools.invalid import Invalid, no_such
from fusion_site.pools.plain import Plain
from fusion_site.pools.reading import Reading, is_storable

FORMAT = "fusion"
VERSION = 1
MOST_THINGS = 500
MOST_BYTES = 2 * 1024 * 1024
# In the order in which they are made: what is referred to comes first.
KINDS = ("connections", "pools", "judges", "presets")

NOT_OURS = f'This is no file of pools, judges and presets: it should say "format": "{FORMAT}".'
NEWER = f"This site reads version {VERSION} of these files."
NOTHING = "There is no pool, judge or preset in this file."
TWICE = "Another one in this file has this name."
TOO_LONG = f"The file may have up to {MOST_BYTES // 1024 // 1024} MiB."

Document = Mapping[str, list[Plain]]


def parsed(text: str | bytes) -> Any:
    """Give the JSON value of a file; raises Invalid at `file`, which names line and column of what cannot be read."""
    if len(text) > MOST_BYTES:
        raise Invalid({"file": [TOO_LONG]})
    try:
        return orjson.loads(
            text.lstrip("\ufeff") if isinstance(text, str) else text.removeprefix(b"\xef\xbb\xbf")
        )
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Invalid({"file": [f"This is not JSON: {error.msg} ({place})."]}) from None


def read_document(value: Any) -> Document:
    """Give the lists of a file's value by KINDS, of which names are unique and references lead somewhere.

    Raises Invalid with messages by place: `pools.0.members.1.connection`. Fields of things are read when they are saved.
    """
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise Invalid({"format": [NOT_OURS]})
    if value.get("version") != VERSION:
        raise Invalid({"version": [NEWER]})
    reading = Reading(value)
    reading.only(["format", "version", *KINDS])
    found = {kind: _rows(reading, value, kind) for kind in KINDS}
    if not reading.errors and not any(found[kind] for kind in KINDS[1:]):
        reading.wrong("file", NOTHING)
    reading.finish()
    for kind in KINDS:
        _check_names(reading, kind, found[kind])
    for at, row in enumerate(found["connections"]):
        Reading(row, at=f"connections.{at}.", errors=reading.errors).only(["name", "kind", "base_url"])
    reading.finish()
    names = {kind: {str(row["name"]) for row in rows} for kind, rows in found.items()}
    for place, noun, kind, name in _references(found):
        if not isinstance(name, str) or name not in names[kind]:
            reading.wrong(place, f"{no_such(noun)[:-1]} in this file: “{str(name)[:80]}”.")
    reading.finish()
    return found


def _rows(reading: Reading, value: Mapping[str, Any], kind: str) -> list[Plain]:
    reading.each(kind, most=MOST_THINGS)
    rows = value.get(kind)
    if f"{kind}" in reading.errors or not isinstance(rows, list):
        return []
    return [dict(row) for row in rows]


def _check_names(reading: Reading, kind: str, rows: list[Plain]) -> None:
    seen: set[object] = set()
    for at, row in enumerate(rows):
        name = row.get("name")
        if not isinstance(name, str) or not name.strip() or not is_storable(name):
            reading.wrong(f"{kind}.{at}.name", "Give each a name.")
        elif name in seen:
            reading.wrong(f"{kind}.{at}.name", TWICE)
        seen.add(name if isinstance(name, str) else None)


def _references(found: Document) -> Iterable[tuple[str, str, str, object]]:
    """Give every reference: its place, the noun and the kind of what is meant, and the name given for it."""
    for at, pool in enumerate(found["pools"]):
        members = pool.get("members")
        for n, member in enumerate(members if isinstance(members, list) else []):
            if isinstance(member, Mapping) and member.get("connection") is not None:
                yield f"pools.{at}.members.{n}.connection", "connection", "connections", member["connection"]
    for at, judge in enumerate(found["judges"]):
        for field in OF_JUDGE:
            if judge.get(field) is not None:
                yield f"judges.{at}.{field}", "connection", "connections", judge[field]
    for at, preset in enumerate(found["presets"]):
        for noun in ("pool", "judge"):
            if preset.get(noun) is not None:
                yield f"presets.{at}.{noun}", noun, f"{noun}s", preset[noun]


OF_JUDGE = ("connection", "fallback_connection", "second_connection")
