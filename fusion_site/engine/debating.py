"""A debate: members see each other's answers and keep or change their own, for a reason that can be checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusion_site.engine.asking import Message
from fusion_site.engine.candidates import Candidate, lettered
from fusion_site.engine.defusing import anonymous, names_of
from fusion_site.engine.positions import Answers, Position, is_usable, position_of, positions_of
from fusion_site.engine.prompts import challenge_messages
from fusion_site.engine.results import AnswerKey, AnswerResult
from fusion_site.engine.settings import FusionSettings, Member

_FIRST_LINE = re.compile(r"\W*(keep|change)\W*", re.IGNORECASE)
_REASON = re.compile(r"\W*reason\W*?:\**\s*(.*)", re.IGNORECASE)
_NO_REASON = re.compile(r"\W*(?:no(?:ne| reason)?|n/?a|nothing)?\W*", re.IGNORECASE)


def challenge(settings: FusionSettings, member: Member, positions: Sequence[Position]) -> tuple[Message, ...]:
    """Ask one member about the others' positions, which it sees without names and in its own shuffled order."""
    names = names_of(settings.members, settings.question)
    own = next(p for p in positions if p.key.member == member.index)
    others = [
        Candidate(p.key, anonymous(p.text, names), truncated=p.truncated)
        for p in positions
        if p.key.member != member.index
    ]
    return challenge_messages(settings, member, own.text, lettered(others, settings.seed + member.index))


@dataclass(frozen=True, slots=True)
class Choice:
    """What a member says in a debate: whether it means to change (None where it says neither), why, and to what."""

    changes: bool | None
    reason: str = ""
    text: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is a change with a reason and a whole new answer."""
        return self.changes is True and bool(self.reason and self.text)


def choice_in(text: str) -> Choice:
    """Understand a member's reply to the others' answers."""
    word, _, rest = text.strip().partition("\n")
    choice = _FIRST_LINE.fullmatch(word)
    if choice is None:
        return Choice(None)
    said, _, answer = rest.lstrip().partition("\n")
    reason = _REASON.fullmatch(said.strip())
    if reason is None or _NO_REASON.fullmatch(reason[1]):
        return Choice(choice[1].lower() == "change", text=answer.strip())
    return Choice(choice[1].lower() == "change", reason[1], answer.strip())


def moved(before: Position, key: AnswerKey, reply: AnswerResult) -> Position:
    """Give a member's position after its reply: a change counts only with a reason and a whole new answer."""
    choice = choice_in(reply.text) if is_usable(reply) else Choice(None)
    return Position(key, choice.text, reason=choice.reason) if choice.counts else before


def is_change(reply: str) -> bool:
    """Whether a reply says on its first line that its author changes its answer, which then follows."""
    return choice_in(reply).changes is True


def standings(answers: Answers, *, merging: bool) -> list[Position]:
    """Give where everybody stands after all the rounds there were, in pool order."""
    positions = positions_of({k: r for k, r in answers.items() if k.round == 0}, merging=merging)
    for key in sorted(k for k in answers if k.round > 0):
        positions = [moved(p, key, answers[key]) if p.key.member == key.member else p for p in positions]
    return positions


def standing(key: AnswerKey, answers: Mapping[AnswerKey, AnswerResult]) -> Position:
    """Give the position that an earlier attempt had compared under this key."""
    first = AnswerKey(0, key.member)
    before = position_of(first, answers[first])
    return before if key == first else moved(before, key, answers[key])
