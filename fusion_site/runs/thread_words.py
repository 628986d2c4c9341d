"""What a follow-up says of its thread: what its models were shown of it, and what not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from fusion_site.engine.turns import History
from fusion_site.runs.state import RunState

# Each choice by its name, and what it means in one sentence.
CHOICES = {
    History.FUSED: ("Fused answer", "Every model goes on from the fused answers, as you read them."),
    History.OWN: (
        "Own answers",
        "Each model goes on from what it said itself; where it said nothing, from the fused answer.",
    ),
    History.ALL: (
        "All answers",
        "Every model sees all earlier answers, without names, beside the fused ones.",
    ),
}
_SHOWN = {
    History.FUSED: "Its models were shown the fused answers of the thread.",
    History.OWN: "Each of its models was shown its own answers of the thread.",
    History.ALL: "Its models were shown all answers of the thread, without names.",
}


def choice_name(history: str) -> str:
    """Give the name of how a follow-up's history was chosen."""
    return CHOICES[History(history)][0]


def thread_lines(state: RunState) -> list[str]:
    """Say in plain sentences what a follow-up's models were shown of its thread; nothing where it has none."""
    if not state.history:
        return []
    names: dict[int | None, str] = {a.member: a.label for a in state.answers.values()}
    names[None] = "the judge"
    return [_SHOWN[History(state.history)], *_stood_in(state, names), *_cut(state, names)]


def _stood_in(state: RunState, names: Mapping[int | None, str]) -> Iterator[str]:
    count = len(state.earlier)
    for each in state.stand_ins:
        of = f"{each['turns']} of {count} turns" if count > 1 else "the earlier turn"
        yield f"{names[each['member']]} has no usable answer of its own in {of} and was shown the fused one."


def _cut(state: RunState, names: Mapping[int | None, str]) -> Iterator[str]:
    readers = defaultdict(list)
    for each in state.left_out:
        readers[each["turns"]].append(names[each["member"]])
    shortened = [names[each["member"]] for each in state.left_out if each["shortened"]]
    for turns, who in readers.items():
        if turns:
            oldest = "The oldest turn was" if turns == 1 else f"The {turns} oldest turns were"
            yield f"{oldest} left out for {_listed(who)}: there was no room."
    if shortened:
        yield f"The last turn was shortened for {_listed(shortened)}."


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
