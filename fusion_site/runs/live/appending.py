"""What was added to the open block of a text, where that is words or whole elements: they alone are sent then."""

from __future__ import annotations

import re

from django.utils.safestring import SafeString, mark_safe

_CLOSERS = re.compile(r"(?:</[a-z][a-z0-9]*>\s*)+$")
_CLOSER = re.compile(r"</([a-z][a-z0-9]*)>")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>")
# Parts of a table are lost by a browser that reads them outside of one; these others have no end tag.
_OF_TABLES = {"tr", "td", "th", "tbody", "thead"}
_VOID = {"br", "hr", "input"}


def appended(before: str, after: str) -> list[tuple[str, SafeString]] | None:
    """Give what is new, one after the other: where it goes, as a CSS path below the block, and its HTML.

    None where anything else is new than what was added at the end of elements that were open at the end: then the whole
    block has to be sent again.
    """
    found = _CLOSERS.search(before)
    if found is None or not after.startswith(before[: found.start()]):
        return None
    open_tags, rest = _CLOSER.findall(found[0]), after[found.start() :]
    new: list[tuple[str, SafeString]] = []
    for depth, tag in enumerate(open_tags):
        end = _end_of(rest, tag)
        if end is None:
            return None
        words = rest[: end.start()]
        rest = rest[end.end() :]
        # Between elements, white space says nothing.
        if words.strip() or (words and not depth):
            path = "".join(f">{each}:last-child" for each in reversed(open_tags[depth:]))
            # A piece of a block that was sanitised, of whole elements.
            new.append((path, mark_safe(words)))  # noqa: S308
    return None if rest.strip() else new


def _end_of(html: str, tag: str) -> re.Match[str] | None:
    """Give the end tag of the element that is open where this begins; None where what stands before cannot be read alone."""
    opened: list[str] = []
    for found in _TAG.finditer(html):
        is_end, name = bool(found[1]), found[2]
        if is_end and not opened:
            return found if name == tag else None
        if name in _OF_TABLES or (is_end and opened.pop() != name):
            return None
        if not is_end and name not in _VOID:
            opened.append(name)
    return None
