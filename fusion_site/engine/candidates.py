"""Answers as a judge gets to see them: anonymous, shuffled, harmless, and short enough."""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fusion_site.engine.events import AnswerKey

# Chat-template tokens, which a server might read as turns of the conversation, and look-alikes of our delimiters.
_CONTROL_TOKENS = re.compile(
    r"<\|[^|>\n]{1,40}\|>|<</?SYS>>|\[/?INST\]|<</?(?:end )?(?:candidate|question|criteria)\b"
)
# C0 controls but tab and newline, C1 controls, bidi marks and overrides, and the byte-order mark.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SELF_NAMING = re.compile(
    r"\b(?:as an? (?:AI|artificial intelligence)(?: (?:language )?model)?|I am|I'm)"
    r",? (?:developed|created|trained|made|built) by [A-Z]\w*(?: \w+)?,?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer in a comparison. `letter` is all that the judge learns of where it comes from."""

    key: AnswerKey
    text: str
    letter: str = "?"
    aspect: str = ""
    truncated: bool = False
    clipped: bool = False


def lettered(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """Give the candidates in an order that only `seed` decides, lettered A, B, C… in that order."""
    order = list(candidates)
    random.Random(seed).shuffle(order)  # noqa: S311 (a fair shuffle that can be repeated, no secret)
    return [
        replace(candidate, letter=letter)
        for letter, candidate in zip(string.ascii_uppercase, order, strict=False)
    ]


def anonymous(text: str, names: Sequence[str]) -> str:
    """Give the text without the sentences and names by which a model gives itself away."""
    text = _SELF_NAMING.sub("", text)
    for name in sorted({n for n in names if len(n) > 3}, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "this assistant", text, flags=re.IGNORECASE)
    return text


def harmless(text: str) -> str:
    """Give the text with invisible characters dropped and everything that looks like a prompt's own marks defused."""
    return _CONTROL_TOKENS.sub(
        lambda mark: mark[0].replace("<", "‹").replace("[", "⟦"), _INVISIBLE.sub("", text)
    )


def fenced(kind: str, nonce: str, content: object, letter: str = "") -> str:
    """Put data between delimiters that nobody could guess, as one JSON value, which cannot contain a line break."""
    tag = f"{kind} {nonce} {letter}".rstrip()
    return f"<<{tag}>>\n{json.dumps(content, ensure_ascii=False)}\n<<end {tag}>>"


def clipped(candidates: Sequence[Candidate], budget: int) -> list[Candidate]:
    """Give the candidates shortened to `budget` characters in all, by water-filling: short ones keep everything."""
    cap = _common_cap([len(c.text) for c in candidates], budget)
    return [
        c if len(c.text) <= cap else replace(c, text=_head_and_tail(c.text, cap), clipped=True)
        for c in candidates
    ]


def _common_cap(lengths: Sequence[int], budget: int) -> int:
    left, cap = budget, 0
    for done, length in enumerate(sorted(lengths)):
        cap = max(0, left) // (len(lengths) - done)
        if length > cap:
            return cap
        left -= length
    return max(lengths, default=0)


def _head_and_tail(text: str, cap: int) -> str:
    head, tail = cap * 2 // 3, cap // 3
    omitted = len(text) - head - tail
    return f"{text[:head]}\n[… {omitted} characters omitted …]\n{text[-tail:] if tail else ''}"
