"""From a request to what a scripted model will say, decided before its first word is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from fusion_site.rehearsal import challenging, judging, merging, sums, tasks
from fusion_site.rehearsal.arithmetic import find_sum
from fusion_site.rehearsal.cast import Model
from fusion_site.rehearsal.failing import Failure, refusal_for, told_failure
from fusion_site.rehearsal.reading import read_prompt
from fusion_site.rehearsal.tokens import split
from fusion_site.rehearsal.wire import ChatRequest

_DISAGREE = "disagree"


class Ending(StrEnum):
    """How a script ends; the first three are finish reasons of the API."""

    STOP = "stop"
    LENGTH = "length"
    FILTER = "content_filter"
    CUT = "cut"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Script:
    """What is said, and how it ends: CUT breaks the connection after the text, HANG never sends a byte."""

    text: str
    reasoning: str = ""
    ending: Ending = Ending.STOP


def script_for(model: Model, request: ChatRequest) -> Script:
    """The script for a request: the same request always gives the same one. Raises Refusal where it was told to."""
    failure = told_failure(request.system)
    if failure is None and model.fails_by_prompt:
        failure = told_failure(tasks.own_words(request.prompt))
    if failure is not None and (refusal := refusal_for(failure)):
        raise refusal
    script = _limited(_answer(model, request), request.limit)
    return script if failure is None else _failing(script, failure)


def chance_for(model: Model, request: ChatRequest) -> Random:
    """The dice of a request, which fall the same way each time; the seed parameter throws them anew."""
    said = "\x00".join([model.id, str(request.seed), request.system, request.prompt])
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()
    return Random(digest)  # noqa: S311 (dice that can be thrown again, no secret)


def _answer(model: Model, request: ChatRequest) -> Script:
    if task := tasks.find_task(request.system, request.messages):
        do = {
            tasks.Kind.JUDGE: judging.judge,
            tasks.Kind.MERGE: merging.merge,
            tasks.Kind.CHALLENGE: challenging.challenge,
            tasks.Kind.SCORE: judging.score,
            tasks.Kind.NEEDS: judging.needs,
        }
        return Script(do[task.kind](task))
    asked = tasks.own_words(request.prompt)
    prompt = read_prompt(asked)
    reasoning = model.think(prompt) if model.think else ""
    if found := find_sum(asked):
        wrong = model.slips and _DISAGREE in asked.lower()
        return Script(sums.answer_sum(found, title=model.sum_title, wrong=wrong), reasoning)
    return Script(model.write(prompt, chance_for(model, request)), reasoning)


def _limited(script: Script, limit: int | None) -> Script:
    """The script within the limit of tokens that the request sets; reasoning counts first."""
    thoughts, words = split(script.reasoning), split(script.text)
    if limit is None or len(thoughts) + len(words) <= limit:
        return script
    thoughts = thoughts[:limit]
    return Script("".join(words[: limit - len(thoughts)]), "".join(thoughts), Ending.LENGTH)


def _failing(script: Script, failure: Failure) -> Script:
    words = split(script.text)
    match failure:
        case Failure.EMPTY:
            return Script("", ending=Ending.STOP)
        case Failure.LENGTH:
            return replace(script, text="".join(words[: len(words) // 2]), ending=Ending.LENGTH)
        case Failure.FILTER:
            return replace(script, text="".join(words[: len(words) // 3]), ending=Ending.FILTER)
        case Failure.CUT:
            return replace(script, text="".join(words[: len(words) // 2]), ending=Ending.CUT)
        case _:
            return Script("", ending=Ending.HANG)
