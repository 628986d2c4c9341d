"""Who moved in a debate, and after which argument: told with the verdict, however that came out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fusion_site.engine.debating import Choice, choice_in, moved
from fusion_site.engine.defusing import harmless
from fusion_site.engine.positions import Answers, Position, is_usable, position_of
from fusion_site.engine.results import AnswerKey

# What a reason quotes: the disputed sentence. A word or two in quotes says nothing of where they come from.
_QUOTED = re.compile(r"“([^”]{8,400})”|\"([^\"]{8,400})\"|«([^»]{8,400})»")
_MARKS = re.compile(r"[*_`]+")
_WORDS = {True: "change", False: "keep", None: "unclear"}


def moves_in(answers: Answers, stood: Sequence[Position]) -> list[dict[str, Any]]:
    """Give what the members did in the rounds of a debate, as plain JSON in which answers stand as `[round, member]`.

    `answers` are those of all rounds, `stood` where each member stood in the end. `changed` says whether a change counts;
    `reason` is what was given for it or for keeping, and `quotes` whose answers that quotes. A reply that was not whole, or
    too late to count, is left out: its own card says why.
    """
    last = {p.key.member: p.key.round for p in stood}
    positions = {n: position_of(AnswerKey(0, n), answers[AnswerKey(0, n)]) for n in last}
    moves: list[dict[str, Any]] = []
    for number in sorted({key.round for key in answers if key.round}):
        before = list(positions.values())
        for key, choice in _choices(answers, number):
            if key.member not in last or (choice.counts and number > last[key.member]):
                continue
            moves.append(_move(key, choice, before))
            positions[key.member] = moved(positions[key.member], key, answers[key])
    return moves


def _choices(answers: Answers, number: int) -> Iterator[tuple[AnswerKey, Choice]]:
    for key in sorted(key for key in answers if key.round == number):
        if is_usable(answers[key]):
            yield key, choice_in(answers[key].text)


def _move(key: AnswerKey, choice: Choice, positions: Sequence[Position]) -> dict[str, Any]:
    others = [p for p in positions if p.key.member != key.member]
    return {
        "answer": list(key),
        "choice": _WORDS[choice.changes],
        "changed": choice.counts,
        "reason": harmless(choice.reason),
        "quotes": [list(p.key) for p in others if _is_quoted(p.text, choice.reason)],
    }


def _is_quoted(text: str, reason: str) -> bool:
    """Whether a reason quotes a text, wherever either breaks its lines and sets its marks."""
    quotes = [_bare("".join(groups)) for groups in _QUOTED.findall(reason)]
    return bool(quotes) and any(quote and quote in _bare(text) for quote in quotes)


def _bare(text: str) -> str:
    return " ".join(_MARKS.sub("", text).split()).casefold()
