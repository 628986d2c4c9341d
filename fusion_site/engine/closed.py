"""Closed answers: where every answer ends in a value that can be compared, comparing needs no judge."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from fusion_site.engine.events import AnswerKey

# A last line that is set in italics as a whole is a remark about the answer, not the answer.
_FOOTNOTE = re.compile(r"^\s*\*[^*].*[^*]\*\s*$")
_BOXED = re.compile(r"\\boxed\{([^{}]+)\}")
# The whole last lines only: a sentence that merely mentions an answer on the way does not count.
_STATED = re.compile(
    r"^\W*(?:final answer|answer|the (?:final )?answer is)\W*[:=]?\W*?(\(?[A-Ja-j]\)?|yes|no|true|false|[-+]?[$€£]?\d[\d.,]*\s?%?)\W*$",
    re.IGNORECASE,
)


def final_answer(text: str) -> str | None:
    """Give the value that an answer ends in, normalised, or None where it ends in prose.

    Understood are the last `\\boxed{…}`, and a last line such as `Answer: 391`, `**Answer:** B`, `The answer is yes.`
    """
    tail = [line for line in text.strip().splitlines() if line.strip()]
    while tail and _FOOTNOTE.match(tail[-1]):
        tail.pop()
    if boxed := _BOXED.findall("\n".join(tail[-6:])):
        return _normal(boxed[-1])
    if tail and (stated := _STATED.match(tail[-1].replace("**", "").replace("`", ""))):
        return _normal(stated[1])
    return None


def plurality(values: Mapping[AnswerKey, str]) -> list[AnswerKey]:
    """Give the answers that hold the most common value; those of several values where they tie."""
    counts = Counter(values.values())
    most = max(counts.values())
    return [key for key, value in values.items() if counts[value] == most]


def _normal(value: str) -> str:
    value = value.strip().strip("().").casefold()
    number = re.sub(r",(?=\d{3}\b)", "", value.lstrip("$€£").rstrip("% "))
    try:
        return str(Decimal(number).normalize()) + ("%" if value.endswith("%") else "")
    except InvalidOperation:
        return value
