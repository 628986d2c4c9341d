"""What was added to the open block of a text, where that is words or whole elements at its end: they alone are sent then."""

from __future__ import annotations

import re

from django.utils.safestring import SafeString, mark_safe

_CLOSERS = re.compile(r"(?:</[a-z][a-z0-9]*>\s*)+$")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>")
# Parts of a table are lost by a browser that reads them outside of one; these have no end tag.
_OF_TABLES = {"tr", "td", "th", "tbody", "thead"}
_VOID = {"br", "hr", "input"}
_CLOSER = re.compile(r"</([a-z][a-z0-9]*)>\s*")


def appended(before: str, after: str) -> tuple[str, SafeString] | None:
    """Give where in the block the new words go, as a CSS path below it, and the words as HTML.

    They may be whole elements, too. None where anything else is new: then the whole block has to be sent again.
    """
    found = _CLOSERS.search(before)
    closers = [(each[1], each[0]) for each in _CLOSER.finditer(found[0])] if found else []
    for skipped in range(len(closers)):
        end = "".join(text for _, text in closers[skipped:])
        begin = before[: -len(end)]
        if not after.endswith(end) or not after.startswith(begin):
            continue
        words = after[len(begin) : -len(end)]
        if words and _is_whole(words):
            path = "".join(f">{tag}:last-child" for tag, _ in reversed(closers[skipped:]))
            # A piece of a block that was sanitised, between two of its tags.
            return path, mark_safe(words)  # noqa: S308
    return None


def _is_whole(html: str) -> bool:
    """Whether each element in it begins and ends in it, and may be read by itself."""
    opened: list[str] = []
    for end, tag in _TAG.findall(html):
        if tag in _OF_TABLES or (end and (not opened or opened.pop() != tag)):
            return False
        if not end and tag not in _VOID:
            opened.append(tag)
    return not opened
