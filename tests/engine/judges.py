"""Judges, mergers and debaters for scripts: they read the prompt they are sent, as a model would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fusion_site.engine.asking import Ask
from tests.engine.scripted import Made, Script, fails, writes

_FENCED = re.compile(r"<<(\w+) (\w+)(?: ([A-Z]))?>>\n(.*)\n<<end \1 \2(?: \3)?>>")

# Picks the winner's letter (or none) from the candidates in the order shown.
Pick = Callable[[Mapping[str, str]], str | None]


def fences_in(ask: Ask, kind: str) -> dict[str, Any]:
    """Give the decoded data in the fences of one kind, by letter ("" without one), in the order shown."""
    return {
        letter or "": json.loads(data)
        for name, _, letter, data in _FENCED.findall(ask.messages[-1].content)
        if name == kind
    }


def candidates_in(ask: Ask) -> dict[str, str]:
    """Give the candidates of a prompt by letter, in the order shown, also where it asks for a repair."""
    found: dict[str, str] = {}
    for message in ask.messages:
        for name, _, letter, data in _FENCED.findall(message.content):
            if name == "candidate":
                found[letter] = json.loads(data)
    return found


def task_of(ask: Ask) -> str:
    """Give what is asked for: `judge`, `merge`, `challenge`, `score`, `say` (what is needed), or `answer` for a first answer."""
    system = ask.messages[0].content if ask.messages[0].role == "system" else ""
    found = re.match(r"Task: (judge|merge|challenge|score|say) ", system)
    return found[1] if found else "answer"


def verdict(winner: str | None, met: Mapping[str, Sequence[bool]] | None = None, **more: Any) -> str:
    """Write a judge's reply. `met` says per letter which of the four default criteria are met."""
    names = ("Correct", "Complete", "Grounded", "Clear")
    checks = [
        {
            "label": letter,
            "criteria": [{"name": n, "met": m, "quote": ""} for n, m in zip(names, marks, strict=True)],
        }
        for letter, marks in (met or {}).items()
    ]
    body = {"reasoning": "I looked.", "candidates": checks, **more, "winner": winner or "none"}
    return f"Some reasons first.\n```json\n{json.dumps(body)}\n```"


def score(marks: Sequence[bool], quote: str = "") -> str:
    """Write a judge's reply about one candidate: which of the four default criteria it meets."""
    names = ("Correct", "Complete", "Grounded", "Clear")
    checks = [{"name": n, "met": m, "quote": quote} for n, m in zip(names, marks, strict=True)]
    return f"Some reasons first.\n```json\n{json.dumps({'reasoning': 'I looked.', 'criteria': checks})}\n```"


def scores_by(
    marks: Mapping[str, Sequence[bool]],
    *,
    needs: str = "- It names scattering.\n- It says why.",
    after: float = 0.1,
    cost: str | None = None,
) -> Made:
    """Score the candidate that holds a key of `marks` by it, and say what a right answer needs."""

    def script(ask: Ask) -> Script:
        if task_of(ask) == "say":
            return writes(needs, after, cost=cost)
        (text,) = candidates_in(ask).values()
        found = next((marked for key, marked in marks.items() if key in text), None)
        return writes("What?" if found is None else score(found), after, cost=cost)

    return script


def holding(text: str) -> Pick:
    """Pick the candidate that holds `text`."""
    return lambda shown: next((letter for letter, said in shown.items() if text in said), None)


def first_shown(shown: Mapping[str, str]) -> str:
    """Pick whatever is shown first: a judge that only sees positions."""
    return next(iter(shown))


def judge_by(
    pick: Pick,
    *,
    marks: Mapping[str, Sequence[bool]] | None = None,
    merged: str = "The merged answer.",
    after: float = 1.0,
    cost: str | None = None,
    **more: Any,
) -> Made:
    """Judge by `pick` and merge to `merged`. `marks` gives the criteria met by the candidate that holds its key."""

    def script(ask: Ask) -> Script:
        if task_of(ask) == "merge":
            return writes(merged, after, cost=cost)
        shown = candidates_in(ask)
        met = {
            letter: marked
            for letter, said in shown.items()
            for text, marked in (marks or {}).items()
            if text in said
        }
        return writes(verdict(pick(shown), met, **more), after, cost=cost)

    return script


def tasks(**scripts: Script | Made) -> Made:
    """Play a script per task (`answer`, `judge`, `merge`, `challenge`); a task without one fails."""

    def script(ask: Ask) -> Script:
        part = scripts.get(task_of(ask), fails())
        return part(ask) if callable(part) else part

    return script
