"""How the scripts answer an arithmetic question: rightly, but for the storyteller when it is told to disagree."""

from __future__ import annotations

import re
from fractions import Fraction

from fusion_site.rehearsal.arithmetic import Sum, written
from fusion_site.rehearsal.markup import document, fence, numbered, table

_SLIP = 10


def answer_sum(found: Sum, *, title: str, wrong: bool) -> str:
    """A worked answer whose last line before the label is `Answer: …`; a wrong one slips by ten in its last step."""
    value = found.value + _SLIP if wrong else found.value
    steps = [*found.steps[:-1], (found.steps[-1][0], value)]
    return document(
        f"# {title}",
        numbered(f"${step} = {_shown(result)}$" for step, result in steps),
        table(("Step", "Result"), ((f"${step}$", written(result)) for step, result in steps)),
        _size(found, value),
        fence("python", f"{_as_python(found.expression)}  # {written(value)}"),
        f"Answer: {written(value)}",
    )


def _shown(value: Fraction) -> str:
    text = written(value)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}" if "/" in text else text


def _as_python(expression: str) -> str:
    return re.sub(r"\s+", " ", expression.replace("^", "**"))


def _size(found: Sum, value: Fraction) -> str:
    digits = len(str(abs(int(value))))
    sign = "negative" if value < 0 else "positive" if value > 0 else "neither positive nor negative"
    return (
        f"The result of `{found.expression}` is {sign} and has {digits} digit{'s' * (digits != 1)} before the point, "
        "which fits the size of the numbers that go in."
    )
