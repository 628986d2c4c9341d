"""Settings, answers and questions of the engine, as the judge and the debating members get to see them."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_site.engine.asking import Message, ModelRef
from fusion_site.engine.candidates import Candidate
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.settings import DEFAULT_CRITERIA, Criterion, FusionSettings, Judge, Member, Mode
from tests.rehearsal.asking import MEMBERS, PROMPTS

QUESTION = PROMPTS[0]


def settings(
    question: str = QUESTION,
    *,
    mode: Mode = Mode.BEST_OF,
    models: Sequence[str] = MEMBERS,
    criteria: tuple[Criterion, ...] = DEFAULT_CRITERIA,
    system: str = "",
    do_no_harm: bool = False,
) -> FusionSettings:
    """Give a run of `models` over the rehearsal connection, judged by the scripted judge.

    At fifty times the speed the grace period is milliseconds, in which a busy machine makes anyone late: it is long here.
    """
    members = tuple(
        Member(index, f"Member {index}", ModelRef("rehearsal", model), system=system)
        for index, model in enumerate(models)
    )
    judge = Judge("Judge", ModelRef("rehearsal", "rehearsal/judge"), criteria=criteria)
    return FusionSettings(
        mode, members, judge, (Message("user", question),), seed=5, grace=100.0, do_no_harm=do_no_harm
    )


def candidates(texts: Sequence[str], letters: str = "ABCDEFGH") -> list[Candidate]:
    """Give the texts as lettered candidates."""
    return [
        Candidate(AnswerKey(0, index), text, letter)
        for index, (text, letter) in enumerate(zip(texts, letters, strict=False))
    ]
