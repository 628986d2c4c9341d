"""What of a run somebody without a place in its team sees: the chosen parts, and nothing else that could reach the wire.

The state is pared down before anything is made of it, so that no template and no fragment can show more. A field that is
not named here is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from fusion_site.pages.words import was_not_asked
from fusion_site.runs.parts import AnswerState, FusedState, JudgeState
from fusion_site.runs.state import RunState

Json = dict[str, Any]


class Part(StrEnum):
    """A part of a run that can be shown or not. The honest header is no part: it goes with all of them."""

    FUSED = "fused"
    VERDICT = "verdict"
    MEMBERS = "members"
    PROMPT = "prompt"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Lens:
    """The parts of a run that are shown. Where members are not, they are numbered, and models go without their names."""

    parts: frozenset[Part]

    @property
    def fused(self) -> bool:
        """Whether the fused answer is shown."""
        return Part.FUSED in self.parts

    @property
    def verdict(self) -> bool:
        """Whether the judge's finding is shown."""
        return Part.VERDICT in self.parts

    @property
    def members(self) -> bool:
        """Whether the members' answers are shown, with their names."""
        return Part.MEMBERS in self.parts

    @property
    def prompt(self) -> bool:
        """Whether the prompt is shown."""
        return Part.PROMPT in self.parts

    @property
    def cost(self) -> bool:
        """Whether is shown what it cost."""
        return Part.COST in self.parts

    @property
    def sources(self) -> bool:
        """Whether is shown who says each sentence: that quotes the answers."""
        return self.fused and self.members

    def state(self, whole: RunState) -> RunState:
        """Give the state without what is not shown. It has no id, so that no address in the team can be made of it."""
        return RunState(
            id="",
            seq=whole.seq,
            state=whole.state,
            mode=whole.mode,
            prompt=whole.prompt if self.prompt else "",
            title=whole.title if self.prompt else "",
            pictures=whole.pictures if self.prompt else [],
            unseen_by=whole.unseen_by if self.prompt else [],
            preset=None,
            preset_name="",
            rehearsal=whole.rehearsal,
            created_at=whole.created_at,
            message=whole.message,
            finished_at=whole.finished_at,
            reopened=whole.reopened,
            cost_usd=whole.cost_usd if self.cost else None,
            cost_complete=whole.cost_complete and self.cost,
            waits_until=whole.waits_until,
            verdict=self._verdict(whole.verdict),
            is_judged=whole.is_judged,
            judging=self._judging(whole.judging),
            answers={key: self._answer(answer) for key, answer in whole.answers.items()},
            fusions={number: self._fusion(fused) for number, fused in whole.fusions.items()},
        )

    def _answer(self, answer: AnswerState) -> AnswerState:
        label, model = self._name(answer)
        return AnswerState(
            id=answer.id,
            label=label,
            model=model,
            round=answer.round,
            member=answer.member,
            attempt=answer.attempt,
            status=answer.status,
            place=answer.place,
            text=answer.text if self.members else "",
            rehearsal=answer.rehearsal,
            provider=answer.provider if self.members else "",
            served_model=answer.served_model if self.members else "",
            outcome=answer.outcome,
            error=_kind(answer.error),
            total_ms=answer.total_ms,
            first_token_ms=answer.first_token_ms if self.members else None,
            unconfirmed=answer.unconfirmed and self.members,
            usage=answer.usage if self.cost and self.members else {},
            cost_usd=answer.cost_usd if self.cost and self.members else None,
        )

    def _name(self, answer: AnswerState) -> tuple[str, str]:
        return (answer.label, answer.model) if self.members else (numbered(answer.member), "")

    def _fusion(self, fused: FusedState) -> FusedState:
        return replace(
            fused,
            note=self._note(fused.note),
            text=fused.text if self.fused else "",
            guidance=_wordless(fused.guidance),
            provenance=fused.provenance if self.sources else None,
            verdict=self._verdict(fused.verdict),
        )

    def _note(self, note: str) -> str:
        """It names the value that a vote agreed on."""
        return note if self.fused or self.members else ""

    def _judging(self, judging: JudgeState | None) -> JudgeState | None:
        """Show a judge at work only where both it and the answers that it quotes are shown."""
        return judging if self.verdict and self.members else None

    def _verdict(self, verdict: Json | None) -> Json | None:
        """Give the finding as far as it is shown; what the header says of it is always left."""
        if verdict is None:
            return None
        if self.verdict:
            return {name: verdict[name] for name in _FOUND if name in verdict} | {
                "candidates": [self._candidate(each) for each in verdict["candidates"]],
                "moves": [self._move(each) for each in verdict.get("moves", [])],
            }
        judge = verdict["judge"]
        return {
            "winner": verdict["winner"],
            "close_call": verdict["close_call"],
            "judge": {"name": "", "model": NAMELESS, "fallback": judge["fallback"]} if judge else None,
            "judge_in_pool": verdict["judge_in_pool"],
            "passes": [{}] * len(verdict["passes"]),
            "second": [{"model": NAMELESS}] * len(verdict["second"]),
            "note": verdict["note"] if verdict["close_call"] else "",
            "candidates": [{name: each.get(name) for name in _OF_HEADER} for each in verdict["candidates"]],
            "moves": [
                {"answer": each["answer"], "changed": each["changed"]} for each in verdict.get("moves", [])
            ],
        }

    def _candidate(self, candidate: Json) -> Json:
        checks = [
            {**check, "quote": check["quote"] if self.members else ""} for check in candidate["criteria"]
        ]
        return {name: candidate.get(name) for name in (*_OF_HEADER, "score")} | {"criteria": checks}

    def _move(self, move: Json) -> Json:
        return {**move, "reason": move["reason"] if self.members else ""}


# How a model is called whose name is not shown.
NAMELESS = "another model"
_FOUND = (
    "winner",
    "close_call",
    "strength",
    "reasoning",
    "finalists",
    "needs",
    "consensus",
    "contradictions",
    "partial_coverage",
    "unique_insights",
    "blind_spots",
    "criteria",
    "judge",
    "judge_in_pool",
    "passes",
    "second",
    "note",
)
# What the header says of a candidate.
_OF_HEADER = ("label", "answer", "clipped", "truncated")


def numbered(member: int) -> str:
    """Give what a member is called where its name is not shown."""
    return f"Model {member + 1}"


def _kind(error: Json | None) -> Json | None:
    """Give what kind of error it was. What a provider said in it is for the team alone."""
    if error is None:
        return None
    told = {"kind": error["kind"], "message": ""}
    return {**told, "asked": False} if was_not_asked(error) else told


def _wordless(guidance: Json | None) -> Json | None:
    """Leave that something was chosen, and none of the words."""
    if guidance is None:
        return None
    return {
        name: [{"text": "", "stance": None, "heeded": None} for _ in guidance[name]]
        for name in ("keep", "drop")
    }
