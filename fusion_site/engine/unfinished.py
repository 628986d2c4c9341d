"""What a judge has found so far, while it still writes: only what is complete of it, and never its pick."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from fusion_site.engine.ladder import LOOKED_AT
from fusion_site.engine.verdict import lists_in

_BEGINS = re.compile(r"```(?:json)?[ \t]*\n\s*(?=\{)|\A\s*(?=\{)", re.IGNORECASE)
_STRUCTURE = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*(?P<end>")?', re.DOTALL)
_CLOSED_BY = {"[": "]", "{": "}"}
_DECODER = json.JSONDecoder(strict=False)


def found_so_far(reply: str, letters: Collection[str]) -> dict[str, list[Any]]:
    """Give what the five lists hold by now in the beginning of a judge's reply about the candidates with these letters."""
    begins = list(_BEGINS.finditer(reply, 0, LOOKED_AT))
    found = _complete(reply[begins[-1].end() : LOOKED_AT]) if begins else {}
    return {name: list(filter(_says, items)) for name, items in lists_in(found, letters).items()}


def _complete(begun: str) -> dict[str, Any]:
    """Give the object whose text has begun, with everything in it that is complete."""
    open_marks: list[str] = []
    end, closing = 0, ""
    for mark in _STRUCTURE.finditer(begun):
        sign = mark[0]
        if sign in "[{":
            open_marks.append(sign)
            continue
        if sign in "]}":
            if not open_marks or _CLOSED_BY[open_marks.pop()] != sign:
                break
        elif open_marks[-1:] != ["["] or not mark["end"]:
            continue
        end, closing = mark.end(), "".join(_CLOSED_BY[each] for each in reversed(open_marks))
        if not open_marks:
            break
    return _read(begun[:end] + closing)


def _read(text: str) -> dict[str, Any]:
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _says(item: Any) -> bool:
    """Whether a point is there already, of which the judge may have written no more than whose it is."""
    return bool(
        item if isinstance(item, str) else item.get("topic") or item.get("point") or item.get("insight")
    )
