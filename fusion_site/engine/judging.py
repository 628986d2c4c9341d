"""Comparing the answers: by both orders where asked, with a second try, a fallback judge, and an honest abstention."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fusion_site.engine.asking import AskError, ModelRef, Outcome, Sampling
from fusion_site.engine.calling import Calls
from fusion_site.engine.candidates import Candidate, clipped
from fusion_site.engine.events import AnswerKey, AnswerResult
from fusion_site.engine.prompts import VERDICT_SCHEMA, judge_messages, repair_messages
from fusion_site.engine.settings import Criterion, FusionSettings
from fusion_site.engine.verdict import Reading, Unreadable, read_verdict

# Reasons and a verdict over eight candidates fit; a reasoning judge needs the room.
JUDGE_TOKENS = 4096
# Characters per token where the judge's own tokenizer is unknown: low, so that a clipped prompt surely fits.
CHARS_PER_TOKEN = 3


class Unjudged(Exception):
    """No judge gave a verdict; the message is a plain sentence that says why."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One reading of the candidates in one order."""

    order: str
    model: str
    is_fallback: bool
    reading: Reading


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the passes say together. `winner` falls back to the higher score where they disagree."""

    candidates: tuple[Candidate, ...]
    passes: tuple[Pass, ...]
    winner: Candidate
    close_call: bool
    scores: dict[str, float | None] = field(default_factory=dict)

    def ranked(self) -> list[Candidate]:
        """Give the candidates, the winner first, then by score."""
        rest = [c for c in self.candidates if c.letter != self.winner.letter]
        return [self.winner, *sorted(rest, key=lambda c: -(self.scores.get(c.letter) or 0.0))]

    def analysis(self) -> dict[str, Any]:
        """Give the first pass's five lists: what the candidates share, dispute, half cover, add and miss."""
        return dict(self.passes[0].reading.lists)


async def judge(
    settings: FusionSettings, candidates: Sequence[Candidate], calls: Calls, *, name: str = "judge"
) -> Judgement:
    """Compare the lettered candidates; raises Unjudged when neither judge gives a readable verdict in time."""
    shown = clipped(candidates, _room(settings))
    orders = [shown, shown[::-1]] if settings.judge.swap_check else [shown]
    outcomes = await asyncio.gather(
        *(_pass(settings, order, calls, f"{name}/{n}") for n, order in enumerate(orders)),
        return_exceptions=True,
    )
    passes = [outcome for outcome in outcomes if isinstance(outcome, Pass)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and (not isinstance(outcome, Unjudged) or not passes):
            raise outcome
    return weigh(candidates, passes, settings.judge.criteria, asked=len(orders))


def weigh(
    candidates: Sequence[Candidate], passes: Sequence[Pass], criteria: Sequence[Criterion], *, asked: int
) -> Judgement:
    """Put the passes together. Passes that disagree, an abstention and a missing pass all make a close call."""
    scores = {c.letter: _mean([p.reading.score(c.letter, criteria) for p in passes]) for c in candidates}
    winners = {p.reading.winner for p in passes}
    agreed = winners.pop() if len(winners) == 1 else None
    by_letter = {c.letter: c for c in candidates}
    eligible = [c for c in candidates if not c.truncated] or list(candidates)
    best = max(eligible, key=lambda c: (scores[c.letter] or 0.0, -c.key.member))
    winner = by_letter[agreed] if agreed and by_letter[agreed] in eligible else best
    close = agreed is None or len(passes) < asked
    return Judgement(tuple(candidates), tuple(passes), winner, close, scores)


async def _pass(settings: FusionSettings, order: Sequence[Candidate], calls: Calls, name: str) -> Pass:
    """Ask the judge, then the judge again, then the fallback judge."""
    messages = judge_messages(settings, order)
    tries = [("", settings.judge.model, False), ("/again", settings.judge.model, False)]
    if settings.judge.fallback is not None:
        tries.append(("/fallback", settings.judge.fallback, True))
    problem = ""
    asked = messages
    for suffix, model, is_fallback in tries:
        if why := calls.why_not:
            raise Unjudged(why)
        if is_fallback:
            asked = messages
        result = await _ask(calls, name + suffix, model, asked)
        try:
            reading = read_verdict(_complete(result), order)
        except Unreadable as error:
            problem = str(error)
            asked = repair_messages(messages, result.text if result.error is None else "", problem)
            continue
        return Pass("".join(c.letter for c in order), model.model, is_fallback, reading)
    raise Unjudged(f"The judge gave no verdict: {problem}.")


async def _ask(calls: Calls, name: str, model: ModelRef, messages: Any) -> AnswerResult:
    sampling = Sampling(temperature=0.0, max_tokens=JUDGE_TOKENS)
    return await calls.call(name, model, messages, sampling, schema=VERDICT_SCHEMA)


def _complete(result: AnswerResult) -> str:
    """Give the reply's text; one that failed or was cut is no verdict, whatever its beginning says."""
    if result.outcome is Outcome.COMPLETE:
        return result.text
    raise Unreadable(_reason(result.outcome, result.error))


def _reason(outcome: Outcome, error: AskError | None) -> str:
    return error.message.rstrip(".") if error else f"its reply was {outcome.value}"


def _room(settings: FusionSettings) -> int:
    """Give the characters that all candidates together may take in the judge's window."""
    if settings.judge.window is None:
        return 400_000
    tokens = int(settings.judge.window * 0.9) - JUDGE_TOKENS_RESERVED
    fixed = sum(len(m.content) for m in judge_messages(settings, ()))
    return max(600, tokens * CHARS_PER_TOKEN - fixed)


# What is kept free for the verdict in a small window; hosts stop at the window's end by themselves.
JUDGE_TOKENS_RESERVED = 700


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def verdict_json(settings: FusionSettings, judgement: Judgement) -> dict[str, Any]:
    """Give the judgement as plain JSON; answers stand in it as `[round, member]`."""
    first = judgement.passes[0]
    return {
        "winner": list(judgement.winner.key),
        "close_call": judgement.close_call,
        "strength": first.reading.strength,
        "reasoning": first.reading.reasoning,
        "candidates": [_candidate_json(c, judgement) for c in judgement.candidates],
        **first.reading.lists,
        "criteria": [asdict(c) for c in settings.judge.criteria],
        "judge": {"name": settings.judge.name, "model": first.model, "fallback": first.is_fallback},
        "passes": [
            {"order": p.order, "winner": p.reading.winner, "model": p.model, "stage": p.reading.stage}
            for p in judgement.passes
        ],
        "note": "",
    }


def _candidate_json(candidate: Candidate, judgement: Judgement) -> dict[str, Any]:
    checks = judgement.passes[0].reading.checks.get(candidate.letter, ())
    return {
        "label": candidate.letter,
        "answer": list(candidate.key),
        "score": judgement.scores.get(candidate.letter),
        "clipped": candidate.clipped,
        "truncated": candidate.truncated,
        "criteria": [asdict(check) for check in checks],
    }


def vote_json(winners: Sequence[AnswerKey], value: str) -> dict[str, Any]:
    """Give the finding of a vote, in the shape of a verdict that no judge had a part in."""
    return {
        "winner": list(winners[0]),
        "close_call": False,
        "candidates": [],
        "judge": None,
        "passes": [],
        "note": f"{len(winners)} answers agreed on {value}; no judge was asked.",
    }
