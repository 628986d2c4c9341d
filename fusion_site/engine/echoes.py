"""A text without the delimiters of its own prompt, which small models repeat in what they write."""

from __future__ import annotations

import re
from collections.abc import Callable

# What the end of a text so far may still become: a delimiter, or the line breaks behind one.
_OPEN = re.compile(r"<(?:<[^<>\n]{0,80}(?:>(?:>\n*)?)?)?\Z")


class Echoless:
    """Passes a text on as it is written, but for delimiters with this nonce and the line breaks that follow them.

    Nobody knows the nonce but who read the prompt, so nothing else can be taken for one.
    """

    def __init__(self, nonce: str, on_text: Callable[[str], None]) -> None:
        mark = rf"<<[^<>\n]{{0,60}}{re.escape(nonce)}[^<>\n]{{0,10}}>>\n*"
        self._whole, self._any = re.compile(mark + r"(?=[^\n])"), re.compile(mark)
        self._on_text = on_text
        self._passed: list[str] = []
        self._held = ""

    def __call__(self, piece: str) -> None:
        """Take in the next piece."""
        text = self._whole.sub("", self._held + piece)
        found = _OPEN.search(text)
        end = found.start() if found else len(text)
        self._held = text[end:]
        self._pass(text[:end])

    def finish(self) -> str:
        """Pass on what was held back, and give all that was passed on."""
        self._pass(self._any.sub("", self._held))
        self._held = ""
        return "".join(self._passed)

    def _pass(self, text: str) -> None:
        if text:
            self._passed.append(text)
            self._on_text(text)
