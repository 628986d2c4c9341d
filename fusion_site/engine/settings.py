"""Every setting that one run uses, frozen when the run is accepted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from fusion_site.engine.asking import Message, ModelRef, Picture, Sampling, ends_with_user
from fusion_site.engine.sight import pictures_in, turns_of
from fusion_site.engine.turns import Thread


class Mode(StrEnum):
    """How one answer is made of many."""

    BEST_OF = "best_of"
    MERGE = "merge"
    DEBATE = "debate"


@dataclass(frozen=True, slots=True)
class Member:
    """One place in the pool. `deadline_s` counts from the moment the ask leaves the queue; None follows the run.

    `window` is the model's context length in tokens; None is unknown and taken as ample.
    """

    index: int
    label: str
    model: ModelRef
    system: str = ""
    aspect: str = ""
    required: bool = False
    deadline_s: float | None = None
    sampling: Sampling = field(default_factory=Sampling)
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a good answer does; weights are relative to each other."""

    name: str
    description: str = ""
    weight: float = 1.0


# Used where a judge names no criteria of its own: four that fit most questions, with correctness first.
DEFAULT_CRITERIA = (
    Criterion("Correct", "States nothing false and draws no wrong conclusion.", 3.0),
    Criterion("Complete", "Answers every part of the question.", 2.0),
    Criterion("Grounded", "Gives reasons, figures or examples that can be checked.", 1.0),
    Criterion("Clear", "Is easy to follow, without padding.", 1.0),
)


@dataclass(frozen=True, slots=True)
class Judge:
    """Who compares the answers, and by what; `fallback` is asked when `model` fails.

    `second` is asked besides where the judge picks an answer of its own family. `window`, `fallback_window` and
    `second_window` are the context lengths of the three in tokens; None is unknown and taken as ample. `reads_ahead` says
    that the server of `model` reads, for nothing, what it will be asked later.
    """

    name: str
    model: ModelRef
    fallback: ModelRef | None = None
    criteria: tuple[Criterion, ...] = DEFAULT_CRITERIA
    instructions: str = ""
    swap_check: bool = True
    window: int | None = None
    fallback_window: int | None = None
    second: ModelRef | None = None
    second_window: int | None = None
    reads_ahead: bool = False

    @property
    def criterion_names(self) -> tuple[str, ...]:
        """The names of the criteria, each once."""
        return tuple(dict.fromkeys(criterion.name for criterion in self.criteria))


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """One prompt through one pool. Durations are seconds; `messages` ends with the user's turn.

    `seed` fixes the shuffle of the candidates and their delimiters, so that a resumed run asks the same again. It
    must be one that nobody can guess. `zero_retention` goes with every ask of the run, the judge's too. With `guided`,
    a reader may choose before the final step what is kept, for `guided_s` at most. `thread` is what was said before
    `messages`. `reply_tokens` bounds a merged answer; None is as the method has it. Models that are `blind` are
    sent no pictures. Raises ValueError where there is nobody or nothing to ask.
    """

    mode: Mode
    members: tuple[Member, ...]
    judge: Judge
    messages: tuple[Message, ...]
    quorum: int | None = None
    grace: float = 2.0
    deadline_s: float = 300.0
    debate_rounds: int = 1
    budget_usd: Decimal | None = None
    do_no_harm: bool = False
    seed: int = 0
    zero_retention: bool = False
    guided: bool = False
    guided_s: float = 3600.0
    thread: Thread = field(default_factory=Thread)
    reply_tokens: int | None = None
    blind: tuple[ModelRef, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no run can be made of; ranges are for the forms to check."""
        if not self.members or len({member.index for member in self.members}) < len(self.members):
            raise ValueError("A run needs members, each with an index of its own.")
        if not ends_with_user(self.messages):
            raise ValueError("The messages of a run end with the user's turn.")

    @property
    def quorum_size(self) -> int:
        """How many usable answers start the grace period: as set, else max(2, ⌈N/2⌉), at most all members."""
        wanted = self.quorum or max(2, math.ceil(len(self.members) / 2))
        return min(wanted, len(self.members))

    @property
    def answering_s(self) -> float:
        """How long answers count: the deadline less what is kept for judging (a quarter, at most 60 s)."""
        return self.deadline_s - min(60.0, self.deadline_s / 4)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures that went with what was asked, in this turn and the earlier ones of its thread."""
        return pictures_in((*turns_of(self.thread), *self.messages))

    @property
    def question(self) -> str:
        """What the members were asked: the last user turn."""
        return self.messages[-1].content
