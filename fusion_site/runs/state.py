"""The state of a run as its readers see it: loaded from rows once, then moved on by events.

Loading the rows at any moment gives the same state as applying all events so far; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fusion_site.runs.guidance import with_heeded
from fusion_site.runs.missing import missing_from
from fusion_site.runs.models import FINAL_STATES, State
from fusion_site.runs.parts import AnswerState, FusedState, JudgeState

# What is known of where a fused answer comes from.
PROVENANCE = ("sentences", "judge_only", "dropped", "clipped")


@dataclass
class RunState:
    """One run with all its answers. `seq` is the last event that it includes; `pinned` are the versions it was made from.

    `reopened` says what a later pass is for, while one is open; `waits_until` until when a person may choose what the
    fused answer keeps, while it waits for that. A follow-up comes `after` another run: `earlier` are the ids of its
    thread, oldest first, and `left_out` and `stand_ins` say what of it members and judge were not shown. `pictures` went with
    the prompt; `unseen_by` are those who are not sent any, by member, the judge as None. `is_judged` says
    whether `verdict`, the newest, is of the pass that is open, and `judging` is what the judge writes in it.
    """

    id: str
    seq: int
    state: str
    mode: str
    prompt: str
    preset: str | None
    preset_name: str
    rehearsal: bool
    created_at: str
    title: str = ""
    pinned: dict[str, Any] = field(default_factory=dict)
    after: str | None = None
    history: str = ""
    earlier: list[str] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    stand_ins: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)
    unseen_by: list[int | None] = field(default_factory=list)
    message: str = ""
    finished_at: str | None = None
    reopened: str = ""
    cost_usd: str | None = None
    cost_complete: bool = False
    guided: bool = False
    waits_until: str | None = None
    verdict: dict[str, Any] | None = None
    is_judged: bool = False
    judging: JudgeState | None = None
    answers: dict[str, AnswerState] = field(default_factory=dict)
    fusions: dict[int, FusedState] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether the first pass is over."""
        return self.state in FINAL_STATES

    @property
    def is_open(self) -> bool:
        """Whether a pass of it goes on, or is about to."""
        return not self.is_final or bool(self.reopened)

    @property
    def fused(self) -> FusedState | None:
        """The newest version of the fused answer: the one that is being written, else the newest that is whole."""
        versions = [self.fusions[number] for number in sorted(self.fusions, reverse=True)]
        whole = [fused for fused in versions if fused.finished]
        return next(iter(versions if self.is_open else whole or versions), None)

    @property
    def shown_verdict(self) -> dict[str, Any] | None:
        """The verdict of the pass that is open, as soon as there is one; else that of the fused answer that is shown."""
        if self.is_judged or self.fused is None:
            return self.verdict
        return self.fused.verdict

    def apply(self, seq: int, kind: str, data: dict[str, Any]) -> None:
        """Move on by the next event; kinds that it does not know change nothing but `seq`."""
        self.seq = seq
        if (change := _CHANGES.get(kind)) is not None:
            change(self, data)

    def move(self, state: str) -> None:
        """Move to a later state, never back."""
        order = [s.value for s in State]
        if order.index(state) > order.index(self.state):
            self.state = state


def _added(run: RunState, data: dict[str, Any]) -> None:
    run.answers[data["answer"]] = AnswerState(
        id=data["answer"],
        round=data["round"],
        member=data["member"],
        label=data["label"],
        model=data["model"],
        rehearsal=data["rehearsal"],
    )
    run.rehearsal = run.rehearsal or data["rehearsal"]
    # Of the thread of a follow-up, one more member may be shown less than the others.
    run.left_out, run.stand_ins = data.get("left_out", run.left_out), data.get("stand_ins", run.stand_ins)
    run.unseen_by = data.get("unseen_by", run.unseen_by)


def _queued(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    answer.status, answer.place = "queued", data["place"]


def _started(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    answer.attempt, answer.status, answer.outcome = data["attempt"], "writing", ""
    answer.text = answer.reasoning = ""
    answer.place = answer.retry = None
    answer.generation_id = answer.provider = answer.served_model = ""
    run.move(State.ANSWERING)


def _accepted(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    for name in _SERVED:
        setattr(answer, name, data[name])
    if answer.status == "queued":
        answer.status, answer.place = "writing", None


def _retrying(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    answer.status, answer.retry = "retrying", {"after_s": data["after_s"], "error": data["error"]}


def _delta(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    answer.status, answer.retry = "writing", None
    answer.text = answer.text[: data["offset"]] + data["text"]


def _reasoning(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    answer.status, answer.retry = "writing", None
    answer.reasoning = answer.reasoning[: data["offset"]] + data["text"]


_SERVED = ("generation_id", "provider", "served_model")
_ENDS = (
    *_SERVED,
    "outcome",
    "error",
    "usage",
    "cost_usd",
    "unconfirmed",
    "first_token_ms",
    "total_ms",
)


def _finished(run: RunState, data: dict[str, Any]) -> None:
    answer = run.answers[data["answer"]]
    for name in _ENDS:
        setattr(answer, name, data[name])
    answer.status, answer.place, answer.retry = "done", None, None


def _verdict_started(run: RunState, data: dict[str, Any]) -> None:
    run.move(State.JUDGING)


def _verdict_reading(run: RunState, data: dict[str, Any]) -> None:
    run.judging = JudgeState(data["candidates"])


def _verdict_delta(run: RunState, data: dict[str, Any]) -> None:
    if run.judging is not None:
        run.judging.text = run.judging.text[: data["offset"]] + data["text"]


def _verdict_finished(run: RunState, data: dict[str, Any]) -> None:
    run.verdict, run.is_judged, run.judging = data["verdict"], True, None


def _guidance_wanted(run: RunState, data: dict[str, Any]) -> None:
    run.waits_until = data["until"]


def _guidance_given(run: RunState, data: dict[str, Any]) -> None:
    run.waits_until = None


def _fused_started(run: RunState, data: dict[str, Any]) -> None:
    run.move(State.FUSING)
    run.fusions[data["version"]] = FusedState(
        data["version"],
        data["source"],
        data["note"],
        answers=data["from"],
        late=data["late"],
        guidance=data.get("guidance"),
        missing=missing_from(run.answers.values(), data["from"], data["late"]),
        verdict=_verdict_of(run, data),
    )


def _verdict_of(run: RunState, data: dict[str, Any]) -> dict[str, Any] | None:
    """Give what a version was judged by; one that a person chose goes with the verdict of the one that it replaces."""
    if "instead_of" in data:
        return run.fusions[data["instead_of"]].verdict
    return run.verdict if run.is_judged else None


def _fused_delta(run: RunState, data: dict[str, Any]) -> None:
    fused = run.fusions[data["version"]]
    fused.text = fused.text[: data["offset"]] + data["text"]


def _fused_finished(run: RunState, data: dict[str, Any]) -> None:
    fused = run.fusions[data["version"]]
    fused.finished, fused.guidance = True, with_heeded(fused.guidance, data.get("heeded"))
    run.move(State.SETTLING)


def _fused_withdrawn(run: RunState, data: dict[str, Any]) -> None:
    del run.fusions[data["version"]]


def _fused_provenance(run: RunState, data: dict[str, Any]) -> None:
    run.fusions[data["version"]].provenance = {name: data[name] for name in PROVENANCE}


def _run_finished(run: RunState, data: dict[str, Any]) -> None:
    _close(run)
    run.state, run.message, run.finished_at = data["state"], data["message"], data["finished_at"]
    run.cost_usd, run.cost_complete = data["cost_usd"], data["cost_complete"]
    run.waits_until = None


def _close(run: RunState) -> None:
    run.is_judged, run.judging = False, None


def _run_reopened(run: RunState, data: dict[str, Any]) -> None:
    run.reopened, run.cost_complete = data["reason"], False


def _answer_reopened(run: RunState, data: dict[str, Any]) -> None:
    old = run.answers[data["answer"]]
    run.answers[old.id] = AnswerState(
        old.id, old.round, old.member, old.label, old.model, old.rehearsal, old.attempt
    )


def _run_updated(run: RunState, data: dict[str, Any]) -> None:
    run.cost_usd, run.cost_complete = data["cost_usd"], data["cost_complete"]
    if data["reason"] != "cost":
        _close(run)
        run.reopened = ""
        run.state, run.message, run.finished_at = data["state"], data["message"], data["finished_at"]
        return
    for told in data["answers"]:
        answer = run.answers[told["answer"]]
        answer.cost_usd, answer.usage, answer.provider = told["cost_usd"], told["usage"], told["provider"]


_CHANGES = {
    "answer.added": _added,
    "answer.queued": _queued,
    "answer.reopened": _answer_reopened,
    "answer.started": _started,
    "answer.retrying": _retrying,
    "answer.accepted": _accepted,
    "answer.delta": _delta,
    "answer.reasoning": _reasoning,
    "answer.finished": _finished,
    "verdict.started": _verdict_started,
    "verdict.reading": _verdict_reading,
    "verdict.delta": _verdict_delta,
    "verdict.finished": _verdict_finished,
    "guidance.wanted": _guidance_wanted,
    "guidance.given": _guidance_given,
    "fused.started": _fused_started,
    "fused.delta": _fused_delta,
    "fused.finished": _fused_finished,
    "fused.provenance": _fused_provenance,
    "fused.withdrawn": _fused_withdrawn,
    "run.finished": _run_finished,
    "run.reopened": _run_reopened,
    "run.updated": _run_updated,
}
