"""A debate: members see each other's answers and keep or change their own, for a reason that can be checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from fusion_site.engine.asking import Ask
from fusion_site.engine.candidates import Candidate, lettered
from fusion_site.engine.events import AnswerKey, AnswerResult
from fusion_site.engine.positions import Position
from fusion_site.engine.prompts import challenge_messages
from fusion_site.engine.settings import FusionSettings, Member

_FIRST_LINE = re.compile(r"^\W*(keep|change)\W*$", re.IGNORECASE)
_REASON = re.compile(r"^\W*reason\W*:\s*(.*)$", re.IGNORECASE)


def challenge(
    settings: FusionSettings, member: Member, positions: Sequence[Position], deadline_s: float
) -> Ask:
    """Ask one member about the others' positions, which it sees without names and in its own shuffled order."""
    own = next(p for p in positions if p.key.member == member.index)
    others = [
        Candidate(p.key, p.text, truncated=p.truncated) for p in positions if p.key.member != member.index
    ]
    shown = lettered(others, settings.seed + member.index)
    messages = challenge_messages(settings, member.system, own.text, shown)
    return Ask(member.model, messages, member.sampling, deadline_s=deadline_s)


def moved(before: Position, key: AnswerKey, reply: AnswerResult) -> Position:
    """Give a member's position after its reply: a change counts only with a reason and a new answer."""
    lines = reply.text.strip().splitlines()
    word = _FIRST_LINE.match(lines[0]) if lines else None
    if word is None or word[1].lower() != "change":
        return before
    reason = _REASON.match(lines[1]) if len(lines) > 1 else None
    text = "\n".join(lines[2:]).strip()
    if reason is None or not reason[1].strip() or not text:
        return before
    return replace(before, key=key, text=text, reason=reason[1].strip())
