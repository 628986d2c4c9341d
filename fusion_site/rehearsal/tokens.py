"""Text in pieces about as large as a language model's tokens."""

from __future__ import annotations

import re

_TOKEN = re.compile(r" ?[^\W\d_]{1,9}|\d{1,3}|\s+|[^\w\s]{1,4}|.", re.DOTALL)


def split(text: str) -> list[str]:
    """The pieces of `text`, which joined are `text` again; about four characters of English each."""
    return _TOKEN.findall(text)
