"""Which characters of a stranger's text are safe to show."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """`text` as a page may show it: control characters and lone surrogates become U+FFFD.

    The nine characters that embed, override or isolate a writing direction are dropped, so that code reads in
    the order in which a machine would read it; the plain marks U+200E and U+200F of Arabic and Hebrew stay.
    """
    return _DIRECTION.sub("", _UNPRINTABLE.sub("\ufffd", text))
