"""What differs between two versions of a thing, line by line, in the words of its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from fusion_site.pools.models import Kind, Mode
from fusion_site.pools.plain import Plain

NOT_SET = "not set"

# The words of each field, in the order in which they are told.
WORDS = {
    "name": "Name",
    "slug": "Slug",
    "kind": "Kind",
    "base_url": "Base URL",
    "key": "API key",
    "parallel": "Requests at once",
    "pool": "Pool",
    "judge": "Judge",
    "mode": "Mode",
    "template": "Prompt template",
    "zero_retention": "Zero data retention",
    "label": "Label",
    "connection": "Connection",
    "model": "Model",
    "fallback_connection": "Fallback connection",
    "fallback_model": "Fallback model",
    "second_connection": "Second judge's connection",
    "second_model": "Second judge's model",
    "system": "System prompt",
    "aspect": "Aspect",
    "required": "Required",
    "description": "Description",
    "weight": "Weight",
    "instructions": "Instructions",
    "swap_check": "Order-swap check",
    "quorum": "Quorum",
    "grace": "Grace",
    "deadline_s": "Deadline in seconds",
    "debate_rounds": "Debate rounds",
    "budget_usd": "Budget in US dollars",
    "do_no_harm": "Do no harm",
    "guided": "Let me choose before the final step",
    "temperature": "Temperature",
    "top_p": "Top p",
    "top_k": "Top k",
    "min_p": "Min p",
    "presence_penalty": "Presence penalty",
    "frequency_penalty": "Frequency penalty",
    "max_tokens": "Longest answer in tokens",
    "seed": "Seed",
    "stop": "Stop at",
    "reasoning_effort": "Reasoning effort",
}
_REFERENCES = {"connection", "fallback_connection", "second_connection", "pool", "judge"}
_CHOICES = {"kind": dict(Kind.choices), "mode": dict(Mode.choices)}
_LISTS = {"members": ("Member", "Order of members"), "criteria": ("Criterion", "Order of criteria")}

# By what two rows of a list are taken for the same one, the surest first.
_SAME: tuple[Callable[[Plain], Any], ...] = (
    lambda row: sorted(map(repr, row.items())),
    lambda row: (row.get("connection"), row.get("model"), row.get("label"), row.get("name")),
    lambda row: (row.get("connection"), row.get("model"), row.get("name")),
    lambda row: (row.get("model"), row.get("name")),
    lambda row: (row.get("label") or None, row.get("name")),
)


@dataclass(frozen=True)
class Difference:
    """One thing that differs: what it is, and how it was and is now; None was, or is, not there at all."""

    what: str
    was: str | None
    now: str | None

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Give texts of several lines as the lines that differ, with those around them: each `del`, `ins` or neither.

        Empty for short ones, and for those so long that finding out would take long: they are read as a whole.
        """
        was, now = (self.was or "").split("\n"), (self.now or "").split("\n")
        if None in (self.was, self.now) or max(len(was), len(now)) == 1 or len(was) + len(now) > _MOST_LINES:
            return []
        told = list(unified_diff(was, now, lineterm="", n=1))[2:]
        return [(_MARKS[line[:1]], line[1:] if line[:1] != "@" else "…") for line in told][1:]


_MOST_LINES = 600
_MARKS = {"-": "del", "+": "ins", " ": "", "@": ""}


def differences(before: Plain, after: Plain, names: Mapping[str, str], lead: str = "") -> list[Difference]:
    """Give what differs, as people read it; `names` are those of all that either refers to, by id.

    Members are the same where connection and model are, even under another label or at another place.
    """
    found = []
    for field in WORDS:
        was, now = before.get(field), after.get(field)
        if _blank(was) != _blank(now):
            found.append(
                Difference(_led(lead, WORDS[field]), _said(field, was, names), _said(field, now, names))
            )
    for field, nouns in _LISTS.items():
        one, order = (_led(lead, noun) for noun in nouns)
        rows, rows_now = before.get(field) or [], after.get(field) or []
        found += _of_lists(one, rows, rows_now, names)
        found += _of_order(order, rows_now, _paired(rows, rows_now))
    if before.get("params") or after.get("params"):
        found += differences(before.get("params") or {}, after.get("params") or {}, names, lead)
    return found


def _led(lead: str, what: str) -> str:
    return f"{lead}: {what[0].lower()}{what[1:]}" if lead else what


def _blank(value: Any) -> Any:
    """What is not set is the same however it is written."""
    return None if value in ("", [], None) else value


def _said(field: str, value: Any, names: Mapping[str, str]) -> str:
    if _blank(value) is None:
        return NOT_SET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field in _REFERENCES:
        return names.get(value, "one that is gone")
    if field in _CHOICES:
        return str(_CHOICES[field].get(value, value))
    if isinstance(value, float):
        return f"{value:.10g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _of_lists(
    one: str, before: Sequence[Plain], after: Sequence[Plain], names: Mapping[str, str]
) -> list[Difference]:
    """Give which rows are gone, what differs in those that stayed, and which are new."""
    pairs = _paired(before, after)
    gone = [at for at in range(len(before)) if at not in pairs]
    new = [at for at in range(len(after)) if at not in pairs.values()]
    found = [Difference(_titled(one, before[at]), _whole(before[at], names), None) for at in gone]
    for old, at in sorted(pairs.items(), key=lambda pair: pair[1]):
        found += differences(before[old], after[at], names, _titled(one, after[at]))
    return found + [Difference(_titled(one, after[at]), None, _whole(after[at], names)) for at in new]


def _titled(one: str, row: Plain) -> str:
    return f"{one} “{_called(row)}”"


def _paired(before: Sequence[Plain], after: Sequence[Plain]) -> dict[int, int]:
    """Give which row of `before` is which of `after`, by their places."""
    pairs: dict[int, int] = {}
    for key in _SAME:
        for new in [at for at in range(len(after)) if at not in pairs.values()]:
            wanted = key(after[new])
            if not _tells(wanted):
                continue
            same = (old for old in range(len(before)) if old not in pairs and key(before[old]) == wanted)
            if (old := next(same, None)) is not None:
                pairs[old] = new
    return pairs


def _tells(key: Any) -> bool:
    return any(key)


def _of_order(what: str, after: Sequence[Plain], pairs: Mapping[int, int]) -> list[Difference]:
    was = [pairs[old] for old in sorted(pairs)]
    if was == sorted(was):
        return []
    return [
        Difference(what, *(", ".join(_called(after[at]) for at in places) for places in (was, sorted(was))))
    ]


def _called(row: Plain) -> str:
    return str(row.get("label") or row.get("model") or row.get("name") or "")


def _whole(row: Plain, names: Mapping[str, str]) -> str:
    """Give all that is set of a row, on one line each."""
    lines: Iterable[Difference] = differences({}, row, names)
    return "\n".join(f"{line.what}: {line.now}" for line in lines if line.now not in {NOT_SET, "no"})
