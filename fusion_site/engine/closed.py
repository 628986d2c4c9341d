"""Closed answers: where every answer ends in a value that can be compared, comparing needs no judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from fusion_site.engine.results import AnswerKey


class Final(NamedTuple):
    """The value that an answer ends in, normalised, with its unit or currency sign where it named one."""

    value: str
    unit: str = ""

    def __str__(self) -> str:
        """Write it as people do: `$5`, `5%`, `5 km`."""
        if self.unit in _CURRENCIES:
            return self.unit + self.value
        return f"{self.value}{'' if self.unit in {'', '%'} else ' '}{self.unit}"


# A last line that is set in italics as a whole is a remark about the answer, not the answer.
_FOOTNOTE = re.compile(r"\s*(\*[^*].*[^*]\*|_[^_].*[^_]_)\s*")
# The whole last lines only: a sentence that merely mentions an answer on the way does not count.
_STATED = re.compile(
    r"(?:[>#•*-]+\s+)*(?:(?:so|thus|hence|therefore),?\s+)?(?:my\s+|the\s+)?(?:final\s+|correct\s+|right\s+)?"
    r"answer(?:\s+is)?\s*[:=]?\s*(?P<value>.+)|####\s*(?P<graded>.+)",
    re.IGNORECASE,
)
# The same as a heading, of which the last line is the value.
_HEADING = re.compile(
    r"(?:[>#]+\s+)*(?:my\s+|the\s+)?(?:final\s+|correct\s+)?answer(?:\s+is)?\s*:?", re.IGNORECASE
)
_CURRENCIES = "$€£¥"
_NUMBER = re.compile(
    rf"(?P<minus>[-+−–])?(?P<currency>[{_CURRENCIES}])?\s?(?P<minus2>[-−–])?"
    r"(?P<number>(?:\d{1,3}(?:[,' \u00a0\u2009\u202f]\d{3})+|\d{1,40})?(?:\.\d{1,40})?(?:e[-+]?\d{1,2}|/\d{1,15})?)"
    r"\s?(?P<unit>%|(?!e[-+]?\d)[^\W\d_][\w/^²³·-]{0,14}|°[CF]?|[$€£¥])?",
    re.IGNORECASE,
)
# Words that say how many times the number counts; of a letter such as `m` or `k` it cannot be known.
_TIMES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MAYBE_TIMES = {"k", "m", "mn", "b", "bn", "t"}
_SEPARATORS = re.compile(r"[,' \u00a0\u2009\u202f]")
_CHOICE = re.compile(r"\(?([A-J])\)?|\(?([A-J])\)?[.):]\s+\S.*", re.IGNORECASE)
_WORD = re.compile(r"yes|no|true|false", re.IGNORECASE)
_TEX_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_TEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}")
_TEX_INLINE = re.compile(r"\$([^$]+)\$|\\\((.+)\\\)")
_TEX_SPACE = re.compile(r"\\[,;!: ]|\\(?:left|right)\b|(?<=\d)\{,\}(?=\d)")
LOOKED_AT = 6


def final_answer(text: str) -> Final | None:
    r"""Give the value that an answer ends in, or None where it ends in prose.

    Understood are the last `\boxed{…}`; a last line such as `Answer: 391`, `**Answer:** B`, `The answer is yes.`,
    `#### 42`; a value below a line `Answer:`; and an answer that is nothing but a value. A value is a number with or without a unit, one of
    the choices A to J, or yes, no, true, false.
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    while lines and _FOOTNOTE.fullmatch(lines[-1]):
        lines.pop()
    if not lines:
        return None
    if (boxed := _boxed("\n".join(lines[-LOOKED_AT:]))) is not None:
        return _value(boxed) or Final(" ".join(boxed.split()))
    *before, last = (line.replace("**", "").replace("`", "").strip() for line in lines[-2:])
    if stated := _STATED.fullmatch(last):
        return _value(stated["value"] or stated["graded"])
    is_alone = not before or _HEADING.fullmatch(before[0])
    return _value(last) if is_alone and not re.match(r"[a-j]\b", last) else None


def most_common(
    finals: Mapping[AnswerKey, Final], votes: Mapping[AnswerKey, Fraction] | None = None
) -> list[list[AnswerKey]]:
    """Give the answers that hold the value with the most votes, as one group; where several tie, a group for each.

    `votes` says what each answer's vote weighs; without it all weigh the same.
    Where only one unit is named, a number without any is taken to be in it, unless that might mean thousands.
    """
    units = {final.unit for final in finals.values() if final.unit}
    is_one = len(units) == 1 and not units & _MAYBE_TIMES
    groups: dict[Final, list[AnswerKey]] = {}
    for key, final in finals.items():
        groups.setdefault(Final(final.value) if is_one else final, []).append(key)
    weights = {key: Fraction(1) for key in finals} if votes is None else votes
    sums = [sum(weights[key] for key in group) for group in groups.values()]
    return [group for group, share in zip(groups.values(), sums, strict=True) if share == max(sums)]


def _boxed(text: str) -> str | None:
    """Give what stands in the last box, whose braces may hold others; None if there is no whole box."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for at in range(start + len("\\boxed"), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return _plain_tex(text[start + len("\\boxed{") : at]) or None
    return None


def _plain_tex(value: str) -> str:
    value = _TEX_FRACTION.sub(r"\1/\2", _TEX_WRAPPED.sub(r"\1", value))
    value = _TEX_SPACE.sub(lambda mark: "," if mark[0] == "{,}" else "", value)
    return value.replace("^\\circ", "°").replace("\\", "").strip()


def _value(raw: str) -> Final | None:
    raw = raw.strip().strip("*_").strip()
    raw = raw.rstrip(".!").rstrip()
    if found := _TEX_INLINE.fullmatch(raw):
        raw = _plain_tex(found[1] or found[2])
    if choice := _CHOICE.fullmatch(raw):
        return Final((choice[1] or choice[2]).upper())
    if _WORD.fullmatch(raw):
        return Final(raw.casefold())
    return _number(raw)


def _number(raw: str) -> Final | None:
    found = _NUMBER.fullmatch(raw)
    if found is None or not re.search(r"\d", found["number"]) or (found["currency"] and found["unit"]):
        return None
    try:
        number = Fraction(_SEPARATORS.sub("", found["number"]))
    except (ValueError, ZeroDivisionError):
        return None
    if {found["minus"], found["minus2"]} & set("-−–"):
        number = -number
    unit = found["currency"] or found["unit"] or ""
    if (times := _TIMES.get(unit.casefold())) is not None:
        return Final(_written(number * times))
    return Final(_written(number), "%" if unit.casefold() == "percent" else unit)


def _written(number: Fraction) -> str:
    """Write a number as a decimal where that is exact, else as a fraction."""
    digits = next((d for d in range(60) if (number * 10**d).denominator == 1), None)
    if digits is None:
        return str(number)
    scaled = (number * 10**digits).numerator
    if not digits:
        return str(scaled)
    whole = str(abs(scaled)).rjust(digits + 1, "0")
    return f"{'-' if scaled < 0 else ''}{whole[:-digits]}.{whole[-digits:]}"
