"""Runs made by chance: whatever members and judges do, the stream is grammatical and its result makes sense."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.engine.control import Control
from fusion_site.engine.events import (
    AnswerFinished,
    FusedFinished,
    FusedStarted,
    FusionEvent,
    FusionFinished,
    StepFinished,
    VerdictFinished,
)
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.engine.settings import FusionSettings, Mode
from tests.engine.judges import first_shown, holding, judge_by, scores_by, tasks
from tests.engine.recording import FALLBACK, JUDGE, Recording, cast, member, record, resume_from, settings
from tests.engine.scripted import InTurn, Made, Part, Script, ScriptedAsker, fails, hangs, queued, writes

SEEDS = range(160)


@dataclass
class Chance:
    """One run made from a seed; `asker()` gives the same scripts each time."""

    seed: int

    def settings(self) -> FusionSettings:
        """Give settings of any kind."""
        rng = random.Random(f"settings {self.seed}")
        count = rng.randrange(1, 7)
        pool = tuple(
            member(n, required=rng.random() < 0.2, deadline_s=rng.choice([None, None, 20, 70]))
            for n in range(count)
        )
        return settings(
            rng.choice(list(Mode)),
            members=pool,
            fallback=rng.random() < 0.6,
            judge={"swap_check": rng.random() < 0.7, "window": rng.choice([None, 4096])},
            seed=self.seed,
            quorum=rng.choice([None, None, 1, 2, count]),
            grace=rng.choice([1.0, 1.5, 2.0, 3.0]),
            deadline_s=rng.choice([20, 60, 300]),
            debate_rounds=rng.choice([0, 1, 1, 2]),
            budget_usd=rng.choice([None, None, Decimal("0"), Decimal("0.02"), Decimal("1")]),
            do_no_harm=rng.random() < 0.4,
        )

    def asker(self) -> ScriptedAsker:
        """Give scripts of any kind for it."""
        rng = random.Random(f"scripts {self.seed}")
        is_closed = rng.random() < 0.4
        members = [_member(rng, n, is_closed) for n in range(6)]
        jury, fallback, closing_s = _jury(rng), _jury(rng), rng.choice([0.0, 0.5])
        return cast(*members, judge=jury, fallback=fallback, early=_early(rng), closing_s=closing_s)


def _member(rng: random.Random, index: int, is_closed: bool) -> Made:
    text = f"Reasons of {index}.\nAnswer: {rng.choice('1112')}" if is_closed else f"Prose of {index}.\n" * 5
    reply = rng.choice(
        ["KEEP\nReason: fine", f"CHANGE\nReason: it is wrong\n\nChanged {index}.", "CHANGE\n\nNo.", "?"]
    )
    return tasks(answer=_written(rng, text), challenge=_written(rng, reply))


def _written(rng: random.Random, text: str) -> Script:
    after = rng.choice([0.5, 1, 2, 3, 5, 8, 13, 30, 90])
    cost = rng.choice([None, "0", "0.005", "0.3"])
    script = rng.choice(
        [
            *[writes(text, after, cost=cost, reasoning=rng.choice(["", "Hm."]), pieces=rng.randrange(1, 5))]
            * 6,
            writes(text, after, outcome=rng.choice(list(Outcome)), cost=cost),
            fails(rng.choice(list(ErrorKind)), after, text=rng.choice(["", "Half a"])),
            hangs(rng.choice(["", "Half a"])),
        ]
    )
    # An outcome of error comes with an error, as the contract has it.
    script = (
        fails(after=after) if any(getattr(step, "outcome", None) == "error" for step in script) else script
    )
    return queued(script, rng.choice([1, 10, 100])) if rng.random() < 0.15 else script


def _jury(rng: random.Random) -> Part:
    after = rng.choice([0.5, 2, 6, 25])
    good = judge_by(
        rng.choice([first_shown, holding("of 1"), holding("of 0"), lambda shown: None]),
        marks={"of 1": [True, True, False, True], "of 2": [False] * 4},
        merged=rng.choice(["Merged at last. " * 3, "   "]),
        after=after,
        cost=rng.choice([None, "0.005", "0.4"]),
    )
    bad: list[Script] = [
        writes("What?", after),
        fails(after=after, text=rng.choice(["", "Hal"])),
        hangs("Well"),
    ]
    turns = [good if rng.random() < 0.7 else rng.choice(bad) for _ in range(4)]
    return InTurn(*turns)


def _early(rng: random.Random) -> Part:
    marks = {f"of {n}": [rng.random() < 0.6 for _ in range(4)] for n in range(6) if rng.random() < 0.9}
    good = scores_by(marks, after=rng.choice([0.1, 1, 4, 30]), cost=rng.choice([None, "0.005", "0.4"]))
    bad: list[Script | Made] = [writes("What?", 0.5), fails(after=2), hangs("Well"), queued(hangs(), 7)]
    return InTurn(*(good if rng.random() < 0.8 else rng.choice(bad) for _ in range(6)))


@pytest.mark.parametrize("seed", SEEDS)
def test_any_run_ends_and_makes_sense(seed: int) -> None:
    chance = Chance(seed)
    chosen, asker = chance.settings(), chance.asker()
    told = record(chosen, asker)
    _makes_sense(chosen, told, _answers(told.events))
    _goes_on_from_anywhere(chance, told)
    _can_be_closed_anywhere(chance, told)


def _makes_sense(chosen: FusionSettings, told: Recording, answers: dict[AnswerKey, AnswerResult]) -> None:
    good = {
        k: r
        for k, r in answers.items()
        if r.outcome in {Outcome.COMPLETE, Outcome.TRUNCATED} and r.text.strip()
    }
    if told.end.state == "failed":
        assert not told.all(FusedStarted)
        return
    assert good
    assert told.time_of(FusedFinished) <= chosen.deadline_s + told.asker.closing_s
    fused = told.fused
    if fused.source is not Source.MERGE:
        texts = {r.text for r in good.values()} | {r.text.partition("\n\n")[2] for r in good.values()}
        assert told.text in texts
    if fused.source is Source.SINGLE:
        assert len(fused.answers) == 1
        assert not told.all(VerdictFinished)
    else:
        assert len(fused.answers) >= 2
        winner = told.verdict["winner"]
        assert winner is None or AnswerKey(*winner) in good
        assert (winner is None) == (fused.source is Source.FALLBACK and not told.verdict["passes"])
    assert (fused.source is Source.VOTE) == (
        fused.source is not Source.SINGLE and "agreed on" in told.verdict["note"]
    )
    if fused.source in {Source.SINGLE, Source.VOTE}:
        assert not told.asker.calls_to(JUDGE) + told.asker.calls_to(FALLBACK)
    for key in fused.late:
        assert key in answers
    if fused.source in {Source.BEST_OF, Source.MERGE, Source.DEBATE} and told.verdict["passes"]:
        finalists = [c for c in told.verdict["candidates"] if c["label"] in told.verdict["finalists"]]
        assert len(finalists) >= 2
        assert told.verdict["winner"] in [c["answer"] for c in finalists]
    assert len(told.early_steps) <= len(chosen.members)


def _answers(events: list[FusionEvent]) -> dict[AnswerKey, AnswerResult]:
    return {e.key: e.result for e in events if isinstance(e, AnswerFinished)}


def _goes_on_from_anywhere(chance: Chance, whole: Recording) -> None:
    rng = random.Random(f"cuts {chance.seed}")
    for cut in sorted(rng.sample(range(len(whole.events)), min(4, len(whole.events)))):
        before = whole.events[:cut]
        again = record(chance.settings(), chance.asker(), resume=resume_from(before))
        steps = [e.name for e in (*before, *again.events) if isinstance(e, StepFinished)]
        assert len(steps) == len(set(steps))
        if again.all(FusedFinished):
            _makes_sense(chance.settings(), again, _answers(before) | _answers(again.events))


def _can_be_closed_anywhere(chance: Chance, whole: Recording) -> None:
    stop_after = random.Random(f"close {chance.seed}").randrange(len(whole.events))
    seen = iter(range(len(whole.events)))
    told = record(chance.settings(), chance.asker(), close_when=lambda at, event: next(seen) >= stop_after)
    assert len(told.events) == stop_after + 1
    assert told.events == whole.events[: stop_after + 1]


@pytest.mark.parametrize("seed", range(40))
def test_any_run_may_have_members_stopped_at_any_time(seed: int) -> None:
    rng = random.Random(f"stops {seed}")
    chance = Chance(seed)

    def stop(control: Control, at: float, event: FusionEvent) -> None:
        if rng.random() < 0.1:
            control.stop(AnswerKey(rng.randrange(2), rng.randrange(6)))

    told = record(chance.settings(), chance.asker(), during=stop)
    assert told.all(FusionFinished)
    for result in _answers(told.events).values():
        assert (result.outcome is Outcome.CANCELLED) <= (result.error is None)


def test_the_same_run_goes_the_same_way_twice() -> None:
    for seed in range(10):
        chance = Chance(seed)
        assert (
            record(chance.settings(), chance.asker()).told == record(chance.settings(), chance.asker()).told
        )


def test_chance_covers_every_source_and_outcome() -> None:
    sources, outcomes, notes = set(), set(), set()
    for seed in SEEDS:
        told = record(Chance(seed).settings(), Chance(seed).asker())
        outcomes |= {e.result.outcome for e in told.all(AnswerFinished)}
        if told.all(FusedStarted):
            sources.add(told.fused.source)
            notes.add(told.fused.note.partition(":")[0][:24])
    assert sources == set(Source) - {Source.CHOSEN}  # which people do
    assert outcomes == set(Outcome)
    assert len(notes) >= 8, notes
