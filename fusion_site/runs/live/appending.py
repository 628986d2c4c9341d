"""What was added to the open block of a text, where that is nothing but words: they alone are sent then."""

from __future__ import annotations

import re

from django.utils.safestring import SafeString, mark_safe

_CLOSERS = re.compile(r"(?:</[a-z][a-z0-9]*>\s*)+$")
_CLOSER = re.compile(r"</([a-z][a-z0-9]*)>\s*")


def appended(before: str, after: str) -> tuple[str, SafeString] | None:
    """Give where in the block the new words go, as a CSS path below it, and the words as HTML.

    None where more than words is new, or the new words are not at the end: then the whole block has to be sent again.
    """
    found = _CLOSERS.search(before)
    closers = [(each[1], each[0]) for each in _CLOSER.finditer(found[0])] if found else []
    for skipped in range(len(closers)):
        end = "".join(text for _, text in closers[skipped:])
        begin = before[: -len(end)]
        if not after.endswith(end) or not after.startswith(begin):
            continue
        words = after[len(begin) : -len(end)]
        if words and "<" not in words:
            path = "".join(f">{tag}:last-child" for tag, _ in reversed(closers[skipped:]))
            # A piece of a block that was sanitised, between two of its tags.
            return path, mark_safe(words)  # noqa: S308
    return None
