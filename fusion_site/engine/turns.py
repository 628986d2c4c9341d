"""What was said before a run: the earlier turns of its thread, frozen with its settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fusion_site.engine.asking import Message


class History(StrEnum):
    """What a run's members are shown as the answers to earlier turns: the fused ones, each its own, or all of them."""

    FUSED = "fused"
    OWN = "own"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Said:
    """One member's answer to an earlier turn. `member` is whose own it is, by the index in this run; None is anybody's."""

    text: str
    member: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier turn: what was asked, which ends with the user, the fused answer (empty is none), members' answers."""

    asked: tuple[Message, ...]
    fused: str = ""
    answers: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Thread:
    """The turns that a run goes on from, the oldest first. `left_out` counts still older ones, which were not kept.

    Members' answers are there as far as `history` needs them. With `is_shortened`, texts of the newest turn were cut.
    """

    history: History = History.FUSED
    turns: tuple[Turn, ...] = ()
    left_out: int = 0
    is_shortened: bool = False
