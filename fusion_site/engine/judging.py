"""Comparing the answers: in both orders where asked, with a second try, a fallback judge, and an honest abstention."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fusion_site.engine.asking import AskError, Message, ModelRef, Outcome, Sampling
from fusion_site.engine.calling import Calls, Refused
from fusion_site.engine.candidates import Candidate, clipped
from fusion_site.engine.clock import Turn
from fusion_site.engine.ladder import Unreadable
from fusion_site.engine.prompts import judge_messages, mark_in, repair_messages
from fusion_site.engine.results import AnswerResult
from fusion_site.engine.schema import Schema, verdict_schema
from fusion_site.engine.settings import FusionSettings, Judge
from fusion_site.engine.verdict import read_verdict
from fusion_site.engine.weighing import Judgement, Pass, weigh
from fusion_site.engine.window import Window

# Reasons and a verdict over eight candidates fit; a reasoning judge needs the room.
JUDGE_TOKENS = 4096


# Hears which candidates a judge was shown, before it writes of them.
Begin = Callable[[Sequence[Candidate]], None]


def _unheard(_: object) -> None:
    """Nobody listens to what the judge writes."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """Listens to the judge while it writes: `begin` before each of its tries, then `text` piece by piece."""

    begin: Begin = _unheard
    text: Callable[[str], None] = _unheard


UNHEARD = Hearing()


class Unjudged(Exception):
    """No judge gave a verdict; the message is a plain sentence that says why."""


async def judge(
    settings: FusionSettings,
    candidates: Sequence[Candidate],
    calls: Calls,
    *,
    name: str = "judge",
    needs: tuple[str, ...] = (),
    hearing: Hearing = UNHEARD,
    follows: bool = False,
) -> Judgement:
    """Compare the lettered candidates; raises Unjudged when neither judge gives a readable verdict in time.

    `needs` is what a right answer needs, as it was written down before. `hearing` hears the first of the orders. A
    merge that `follows` has its time, too.
    """
    orders = [candidates, candidates[::-1]] if settings.judge.swap_check else [candidates]
    passes = await passes_over(settings, orders, calls, name, needs, hearing, follows=follows)
    marked = [replace(c, clipped=c.letter in passes[0].clipped) for c in candidates]
    return replace(weigh(marked, passes, settings.judge.criteria, asked=len(orders)), needs=needs)


async def passes_over(
    settings: FusionSettings,
    orders: Sequence[Sequence[Candidate]],
    calls: Calls,
    name: str,
    needs: tuple[str, ...],
    hearing: Hearing = UNHEARD,
    *,
    follows: bool = False,
) -> list[Pass]:
    """Have the candidates read in all orders at once; gives the passes that came to a verdict, or raises Unjudged.

    Where something `follows`, half of the time that is left is kept for it.
    """
    outcomes = await asyncio.gather(
        *(
            _pass(settings, order, calls, f"{name}/{n}", needs, UNHEARD if n else hearing, follows=follows)
            for n, order in enumerate(orders)
        ),
        return_exceptions=True,
    )
    passes = [outcome for outcome in outcomes if isinstance(outcome, Pass)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and (not isinstance(outcome, Unjudged) or not passes):
            raise outcome
    return passes


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt at a verdict: whom to ask, how much fits them, and how long they may take (None: all that is left)."""

    suffix: str
    model: ModelRef
    window: Window
    turn: Turn | None
    is_fallback: bool = False


def _tries(judge: Judge, calls: Calls, *, follows: bool) -> Iterator[_Try]:
    """Yield the judge, the judge again if its turn is not over by then, the fallback judge."""
    turn = calls.turn() if follows or judge.fallback is not None else None
    window = Window(judge.window)
    yield _Try("", judge.model, window, turn)
    if turn is None or not turn.is_over:
        yield _Try("/again", judge.model, window, turn)
    if judge.fallback is not None:
        turn, window = calls.turn() if follows else None, Window(judge.fallback_window)
        yield _Try("/fallback", judge.fallback, window, turn, is_fallback=True)


async def _pass(
    settings: FusionSettings,
    order: Sequence[Candidate],
    calls: Calls,
    name: str,
    needs: tuple[str, ...],
    hearing: Hearing,
    *,
    follows: bool,
) -> Pass:
    """Ask until there is a verdict; raises Unjudged when nobody gives one."""
    problem, repair = "", None
    for each in _tries(settings.judge, calls, follows=follows):
        shown, messages = asked_over(settings, order, each.window, needs)
        asked = messages if repair is None or each.is_fallback else repair
        schema = verdict_schema(sorted(c.letter for c in shown), settings.judge.criterion_names)
        result = await _ask(each, calls, name + each.suffix, asked, shown, schema, hearing)
        try:
            reading = read_verdict(_whole_reply(result), shown, mark_in(messages))
        except Unreadable as error:
            problem = str(error)
            repair = _repair(each.window, messages, result, problem)
            continue
        letters = "".join(c.letter for c in shown)
        cut = frozenset(c.letter for c in shown if c.clipped)
        return Pass(letters, each.model.model, each.is_fallback, reading, cut)
    raise Unjudged(f"The judge gave no verdict: {problem}.")


def asked_over(
    settings: FusionSettings, order: Sequence[Candidate], window: Window, needs: tuple[str, ...]
) -> tuple[list[Candidate], tuple[Message, ...]]:
    """Give the candidates as they fit into a window, and the messages that ask for a verdict over them."""
    shown = clipped(order, window.room(judge_messages(settings, (), needs), JUDGE_TOKENS))
    return shown, judge_messages(settings, shown, needs)


async def _ask(
    each: _Try,
    calls: Calls,
    name: str,
    messages: tuple[Message, ...],
    shown: Sequence[Candidate],
    schema: Schema,
    hearing: Hearing,
) -> AnswerResult:
    sampling = Sampling(temperature=0.0, max_tokens=each.window.reply_tokens(messages, JUDGE_TOKENS))
    try:
        return await calls.call(
            name,
            each.model,
            messages,
            sampling,
            schema=schema,
            shown=shown,
            on_start=lambda: hearing.begin(shown),
            on_text=hearing.text,
            turn=each.turn,
        )
    except Refused as refused:
        raise Unjudged(str(refused)) from refused


def _repair(
    window: Window, messages: tuple[Message, ...], result: AnswerResult, problem: str
) -> tuple[Message, ...] | None:
    """Show the judge its reply where there is one and it fits; else None: the same is asked again."""
    if result.error is not None or not result.text.strip():
        return None
    repair = repair_messages(messages, result.text, problem)
    return repair if window.fits(repair, JUDGE_TOKENS) else None


def _whole_reply(result: AnswerResult) -> str:
    """Give the reply's text; one that failed or was cut is no verdict, whatever its beginning says."""
    if result.outcome is Outcome.COMPLETE:
        return result.text
    raise Unreadable(_reason(result.outcome, result.error))


def _reason(outcome: Outcome, error: AskError | None) -> str:
    return error.message.rstrip(".") if error else f"its reply was {outcome.value}"
