"""Running `fuse()` in virtual time and keeping what it said, with the settings that most tests start from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fusion_site.engine.asking import Message, ModelRef, Outcome, ends_with_user
from fusion_site.engine.control import Control
from fusion_site.engine.events import (
    AnswerFinished,
    FusedDelta,
    FusedFinished,
    FusedStarted,
    FusedText,
    FusionEvent,
    FusionFinished,
    GuidanceGiven,
    Resume,
    StepFinished,
    StepStarted,
    VerdictFinished,
    VerdictStarted,
)
from fusion_site.engine.fuse import fuse
from fusion_site.engine.results import AnswerKey, AnswerResult
from fusion_site.engine.settings import FusionSettings, Judge, Member, Mode
from tests.engine import grammar, virtual_time
from tests.engine.scripted import Part, ScriptedAsker, fails

E = TypeVar("E", bound=FusionEvent)
During = Callable[[Control, float, FusionEvent], None]

QUESTION = "Why is the sky blue?"
JUDGE, FALLBACK, SECOND = "jury/judge-9", "jury/fallback-9", "bench/second-9"


def member(index: int, **more: Any) -> Member:
    """Give a member of the usual cast."""
    return Member(index, f"Label-{index}", ModelRef("c", f"vendor/model-{index}"), **more)


def model(index: int) -> str:
    """Give the model of the member with this index."""
    return f"vendor/model-{index}"


def settings(
    mode: Mode = Mode.BEST_OF,
    members: int | tuple[Member, ...] = 3,
    *,
    question: str = QUESTION,
    fallback: bool = True,
    judge: dict[str, Any] | None = None,
    **more: Any,
) -> FusionSettings:
    """Give settings over `members` of the usual cast, with a judge and a fallback judge."""
    return FusionSettings(
        mode,
        members=tuple(member(n) for n in range(members)) if isinstance(members, int) else members,
        judge=Judge(
            "Jury",
            ModelRef("c", JUDGE),
            fallback=ModelRef("c", FALLBACK) if fallback else None,
            **(judge or {}),
        ),
        messages=more.pop("messages", (Message("user", question),)),
        seed=more.pop("seed", 7),
        **more,
    )


def cast(
    *members: Part,
    judge: Part = (),
    fallback: Part = (),
    second: Part = (),
    early: Part | None = None,
    **more: Any,
) -> ScriptedAsker:
    """Give an asker that plays these scripts for the usual cast. Unless told, no answer gets a score before the comparison."""
    scripts = {model(n): script for n, script in enumerate(members)}
    early = fails(after=0.1) if early is None else early
    return ScriptedAsker({**scripts, JUDGE: judge, FALLBACK: fallback, SECOND: second}, early=early, **more)


@dataclass
class Recording:
    """What a fusion said, and when (virtual seconds)."""

    asker: ScriptedAsker
    told: list[tuple[float, FusionEvent]] = field(default_factory=list)

    @property
    def events(self) -> list[FusionEvent]:
        """Give all events in order."""
        return [event for _, event in self.told]

    def all(self, kind: type[E]) -> list[E]:
        """Give the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[E]) -> E:
        """Give the only event of one kind."""
        (event,) = self.all(kind)
        return event

    def time_of(self, kind: type[FusionEvent], number: int = -1) -> float:
        """Give when an event of this kind was told: the last one, unless another number is asked for."""
        return [at for at, event in self.told if isinstance(event, kind)][number]

    def result(self, member: int, round: int = 0) -> AnswerResult:  # noqa: A002
        """Give how an answer ended."""
        ends = [e for e in self.all(AnswerFinished) if e.key == AnswerKey(round, member)]
        assert len(ends) == 1, f"answer {round}/{member} ended {len(ends)} times"
        return ends[0].result

    def ended_at(self, member: int, round: int = 0) -> float:  # noqa: A002
        """Give when an answer ended."""
        key = AnswerKey(round, member)
        return next(at for at, e in self.told if isinstance(e, AnswerFinished) and e.key == key)

    def outcomes(self) -> list[Outcome]:
        """Give how the first answers ended, in pool order."""
        ends = {e.key.member: e.result.outcome for e in self.all(AnswerFinished) if e.key.round == 0}
        return [ends[key] for key in sorted(ends)]

    @property
    def fused(self) -> FusedStarted:
        """Give where the fused answer came from in the end."""
        return self.all(FusedStarted)[-1]

    @property
    def text(self) -> str:
        """Give the fused answer's text since it last began."""
        last = max(n for n, e in enumerate(self.events) if isinstance(e, FusedStarted))
        return "".join(e.text for e in self.events[last:] if isinstance(e, FusedDelta))

    @property
    def verdict(self) -> dict[str, Any]:
        """Give the verdict."""
        return self.one(VerdictFinished).verdict

    @property
    def end(self) -> FusionFinished:
        """Give the end."""
        return self.one(FusionFinished)

    @property
    def steps(self) -> list[str]:
        """Give the calls by the judge, without what stands for their content, and without those that nothing waits for."""
        return [name for name in self._steps() if not grammar.is_early(name)]

    @property
    def early_steps(self) -> list[str]:
        """Give the calls by the judge that nothing waits for."""
        return [name for name in self._steps() if grammar.is_early(name)]

    def _steps(self) -> list[str]:
        return [e.name.partition("#")[0] for e in self.all(StepStarted)]


def record(
    settings: FusionSettings,
    asker: ScriptedAsker,
    *,
    resume: Resume | None = None,
    control: Control | None = None,
    elapsed_s: float = 0.0,
    during: During | None = None,
    at: dict[float, Callable[[Control], None]] | None = None,
    close_when: Callable[[float, FusionEvent], bool] | None = None,
    begin: Callable[..., AsyncGenerator[FusionEvent, None]] = fuse,
    fuses: bool = True,
) -> Recording:
    """Run a fusion, or a later pass that `begin` begins and that may fuse nothing, and hold its stream and its asks against what always holds.

    `at` holds actions by the virtual second, `during` sees each event, `close_when` closes the generator after one.
    """
    control = control or Control()
    recording = Recording(asker)

    def closes(second: float, event: FusionEvent) -> bool:
        recording.told.append((second, event))
        if during is not None:
            during(control, second, event)
        return close_when is not None and close_when(second, event)

    async def main() -> bool:
        for second, action in (at or {}).items():
            asyncio.get_running_loop().call_at(second, action, control)
        return await _follow(
            begin(settings, asker, resume=resume, control=control, elapsed_s=elapsed_s), closes
        )

    is_whole = virtual_time.run(main())
    grammar.check(recording.events, resume, is_whole=is_whole, fuses=fuses)
    hold_asks(asker)
    return recording


async def _follow(
    events: AsyncGenerator[FusionEvent, None], closes: Callable[[float, FusionEvent], bool]
) -> bool:
    """Read a stream until `closes` says so; gives whether it came to its end, and holds that nothing outlives it."""
    is_whole = True
    async with aclosing(events):
        async for event in events:
            if closes(asyncio.get_running_loop().time(), event):
                is_whole = False
                break
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks outlive the fusion: {left}"
    return is_whole


def hold_asks(asker: ScriptedAsker) -> None:
    """Assert what holds of every ask: it is over, its messages may be sent, and it has a deadline ahead."""
    for call in [*asker.calls, *asker.reading]:
        assert not call.is_open, f"an ask to {call.model} is left open"
        assert ends_with_user(call.ask.messages)
        assert call.ask.deadline_s is not None
        assert call.ask.deadline_s > 0


def resume_from(events: list[FusionEvent]) -> Resume:
    """Give what was finished in a stream that stopped here, as the rows of a run would hold it."""
    compared = [e for e in events if isinstance(e, VerdictStarted)]
    verdicts = [e.verdict for e in events if isinstance(e, VerdictFinished)]
    return Resume(
        answers={e.key: e.result for e in events if isinstance(e, AnswerFinished)},
        steps={e.name: e.result for e in events if isinstance(e, StepFinished)},
        verdict=verdicts[-1] if verdicts else None,
        fused=_fused_text(events),
        compared=compared[-1].answers if compared else None,
        scored=compared[-1].scored if compared else (),
        with_needs=compared[-1].with_needs if compared else False,
        arrived=compared[-1].arrived if compared else (),
        guidance=next((e.guidance for e in events if isinstance(e, GuidanceGiven)), None),
    )


def _fused_text(events: list[FusionEvent]) -> FusedText | None:
    if not any(isinstance(e, FusedFinished) for e in events):
        return None
    last = max(n for n, e in enumerate(events) if isinstance(e, FusedStarted))
    started = events[last]
    assert isinstance(started, FusedStarted)
    text = "".join(e.text for e in events[last:] if isinstance(e, FusedDelta))
    return FusedText(started.version, started.source, text)
