"""Arithmetic questions, computed exactly and step by step."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

_WORDS = (
    (r"\bplus\b", "+"),
    (r"\bminus\b", "-"),
    (r"\b(?:times|multiplied by)\b", "*"),
    (r"\bdivided by\b", "/"),
    (r"\bsquared\b", "^2"),
    (r"%\s*of\b|\bpercent of\b", "/100*"),
    (r"\*\*", "^"),
    (r"[×·]|(?<=\d)\s*[xX]\s*(?=\d)", "*"),
    (r"÷", "/"),
    (r"−", "-"),
    (r"(?<=\d),(?=\d{3}\b)", ""),
)
_EXPRESSION = r"[-+(]*\d[\d.\s+*/^()-]*"
_ASKED = re.compile(
    rf"(?:\b(?:what(?:'s|’s|\s+is|\s+are)|calculate|compute|evaluate|solve|work\s+out|how\s+much\s+is)\s+)({_EXPRESSION})"
    rf"(?=\s*(?:[?=!,;\n]|\.?\s*$|\.\s|\())|^\s*({_EXPRESSION})[\s?=.!]*$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[-+*/^()])")
_SIGNS = {"+": "+", "-": "-", "*": r"\times", "/": r"\div", "^": "^"}
_LONGEST_QUESTION = 1_000
_MOST_DIGITS = 40
_LARGEST_POWER = 24


class _NotArithmeticError(ValueError):
    """The text is no expression, or one too large to be worked out."""


@dataclass(frozen=True, slots=True)
class Sum:
    """An arithmetic question with its exact value; `steps` are LaTeX equations in the order of working."""

    expression: str
    value: Fraction
    steps: tuple[tuple[str, Fraction], ...]


def find_sum(text: str) -> Sum | None:
    """Give the arithmetic question in `text`, or None where it asks for something else."""
    if len(text) > _LONGEST_QUESTION:
        return None
    for found, meant in _WORDS:
        text = re.sub(found, meant, text, flags=re.IGNORECASE)
    asked = _ASKED.search(text)
    if asked is None:
        return None
    expression = (asked[1] or asked[2]).strip(" .\n\t")
    try:
        return _Working(expression).sum()
    except (_NotArithmeticError, ZeroDivisionError):
        return None


def written(value: Fraction) -> str:
    """Give a number as people write it: whole, as a short exact decimal, or as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    for digits in range(1, 13):
        scaled = value * 10**digits
        if scaled.denominator == 1:
            sign, figures = "-" if scaled < 0 else "", str(abs(scaled.numerator)).rjust(digits + 1, "0")
            return f"{sign}{figures[:-digits]}.{figures[-digits:]}"
    return f"{value.numerator}/{value.denominator}"


class _Working:
    """Works an expression out by the usual order of operations, noting each step."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _TOKEN.findall(expression)
        if "".join(self._tokens) != re.sub(r"\s", "", expression) or len(expression) > 120:
            raise _NotArithmeticError
        self._steps: list[tuple[str, Fraction]] = []

    def sum(self) -> Sum:
        value = self._joined("+-", self._product)
        if self._tokens or not self._steps:
            raise _NotArithmeticError
        return Sum(self._expression, value, tuple(self._steps))

    def _product(self) -> Fraction:
        return self._joined("*/", self._signed)

    def _joined(self, signs: str, part: Callable[[], Fraction]) -> Fraction:
        value = part()
        while self._tokens and self._tokens[0] in signs:
            sign = self._tokens.pop(0)
            value = self._step(value, sign, part())
        return value

    def _signed(self) -> Fraction:
        if self._tokens and self._tokens[0] in "+-":
            return -self._signed() if self._tokens.pop(0) == "-" else self._signed()
        value = self._unit()
        if self._tokens and self._tokens[0] == "^":
            self._tokens.pop(0)
            return self._step(value, "^", self._signed())
        return value

    def _unit(self) -> Fraction:
        first = self._tokens.pop(0) if self._tokens else ""
        if first == "(":
            value = self._joined("+-", self._product)
            if not self._tokens or self._tokens.pop(0) != ")":
                raise _NotArithmeticError
            return value
        if not first[:1].isdigit() or len(first) > _MOST_DIGITS:
            raise _NotArithmeticError
        return Fraction(first)

    def _step(self, left: Fraction, sign: str, right: Fraction) -> Fraction:
        value = _combined(left, sign, right)
        if max(len(str(value.numerator)), len(str(value.denominator))) > _MOST_DIGITS:
            raise _NotArithmeticError
        shown = (
            f"{_tex(left)}^{{{written(right)}}}"
            if sign == "^"
            else f"{_tex(left)} {_SIGNS[sign]} {_tex(right)}"
        )
        self._steps.append((shown, value))
        return value


def _combined(left: Fraction, sign: str, right: Fraction) -> Fraction:
    if sign == "^":
        if right.denominator != 1 or abs(right) > _LARGEST_POWER:
            raise _NotArithmeticError
        return left ** int(right)
    if sign == "/":
        return left / right
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def _tex(value: Fraction) -> str:
    return f"({written(value)})" if value < 0 else written(value)
