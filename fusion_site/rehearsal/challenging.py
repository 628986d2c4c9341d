"""How a scripted member takes the others' answers: it keeps its own unless two of them agree on another value."""

from __future__ import annotations

import re
from collections import Counter

from fusion_site.rehearsal.comparing import Comparison
from fusion_site.rehearsal.markup import LABEL
from fusion_site.rehearsal.sentences import final_answer
from fusion_site.rehearsal.tasks import Task

# Stands for the member's own answer among the lettered ones.
_MINE = "~"


def challenge(task: Task) -> str:
    """KEEP or CHANGE, the reason, and after a change the whole revised answer."""
    own = final_answer(task.own)
    value = _agreed_value(task)
    if own and value and value != own:
        reason = (
            f"two other answers end in “Answer: {value}”, and working it out again gives that, not {own}."
        )
        return f"CHANGE\nReason: {reason}\n\n{_revised(task.own, own, value)}"
    return f"KEEP\nReason: {_reason_to_keep(task, own)}\n\n{LABEL}"


def _agreed_value(task: Task) -> str:
    """The value in which at least two of the others end, if it is more than any other; else empty."""
    finals = Counter(filter(None, map(final_answer, task.candidates.values())))
    (value, votes), *rest = [*finals.most_common(2), ("", 0)]
    return value if votes >= 2 and votes > rest[0][1] else ""


def _revised(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w]|\.\d)", lambda _: new, text)


def _reason_to_keep(task: Task, own: str) -> str:
    if own:
        others = sorted(
            {value for text in task.candidates.values() if (value := final_answer(text)) and value != own}
        )
        return f"I worked it out again and still get “{own}”" + (
            f", not {', '.join(others)}." if others else "."
        )
    comparison = Comparison(task.question, {**task.candidates, _MINE: task.own})
    for found in comparison.contradictions:
        if (mine := found.stances.get(_MINE)) is not None:
            other = next(said for said in found.stances.values() if said != mine)
            return (
                f"another answer says “{other}”, but gives no source that would make mine, “{mine}”, wrong."
            )
    main = max(comparison.own(_MINE).sentences, key=comparison.weight, default=None)
    return f"no other answer speaks against “{main.text}”" if main else "no other answer speaks against mine."
