"""Writing one answer out of several, and making sure that it is no worse than the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fusion_site.engine.asking import ModelRef, Outcome, Sampling
from fusion_site.engine.calling import Calls, Refused
from fusion_site.engine.candidates import MERGED_KEY, Candidate, clipped, lettered
from fusion_site.engine.defusing import names_of, nonce_of
from fusion_site.engine.echoes import Echoless
from fusion_site.engine.guidance import Guidance
from fusion_site.engine.guiding import kept_answers, wishes_json
from fusion_site.engine.judging import Unjudged, judge
from fusion_site.engine.positions import is_usable
from fusion_site.engine.prompts import MERGE, merge_messages
from fusion_site.engine.results import AnswerResult
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.weighing import Judgement
from fusion_site.engine.window import Window

MERGE_TOKENS = 8192
# A merge of the top three beats a merge of all (LLM-Blender, ACL 2023).
MERGED_AT_MOST = 3
NOT_BETTER = "The merged answer was not clearly better than the best single one, which is returned."


class Unmerged(Exception):
    """No merged answer came about; the message is a plain sentence that says why."""


def best_of(judgement: Judgement, guidance: Guidance | None = None) -> list[Candidate]:
    """Give the candidates that a merge is made of, the winner first: the best, and those of which a passage is kept."""
    ranked, kept = judgement.ranked(), kept_answers(guidance)
    return ranked[:MERGED_AT_MOST] + [c for c in ranked[MERGED_AT_MOST:] if c.key in kept]


async def merge(
    settings: FusionSettings,
    judgement: Judgement,
    calls: Calls,
    begin: Callable[[], None],
    on_text: Callable[[str], None],
    guidance: Guidance | None = None,
) -> str:
    """Stream the merged answer, by the judge's model or its fallback; raises Unmerged when neither delivers it whole.

    `begin` is called before each attempt: the text starts again at its first character.
    """
    analysis: dict[str, Any] = dict(judgement.passes[0].reading.lists)
    used = best_of(judgement, guidance)
    wishes = wishes_json(guidance, used, names_of(settings.members, settings.question)) if guidance else None
    fixed = merge_messages(settings, (), analysis, wishes)
    problem, wanted = "", min(MERGE_TOKENS, settings.reply_tokens or MERGE_TOKENS)
    mergers = _mergers(settings, judgement)
    for n, (model, window) in enumerate(mergers):
        shown = clipped(used, window.room(fixed, wanted))
        messages = merge_messages(settings, shown, analysis, wishes)
        sampling = Sampling(temperature=0.3, max_tokens=window.reply_tokens(messages, wanted))
        written = Echoless(nonce_of(settings.seed, MERGE), on_text)
        try:
            result = await calls.call(
                f"merge/{n}",
                model,
                messages,
                sampling,
                shown=shown,
                on_start=begin,
                on_text=written,
                turn=calls.turn() if n + 1 < len(mergers) else None,
            )
        except Refused as refused:
            raise Unmerged(str(refused)) from refused
        text = written.finish()
        if is_usable(replace(result, text=text)):
            return text
        problem = _problem(replace(result, text=text))
    raise Unmerged(f"The merge failed. {problem}")


def _mergers(settings: FusionSettings, judgement: Judgement) -> Sequence[tuple[ModelRef, Window]]:
    """Give who may write, with their windows: the judge, then its fallback; first whoever gave the verdict."""
    judge = settings.judge
    if judge.fallback is None:
        return [(judge.model, Window(judge.window))]
    both = [(judge.model, Window(judge.window)), (judge.fallback, Window(judge.fallback_window))]
    return both[::-1] if judgement.passes[0].is_fallback else both


def _problem(result: AnswerResult) -> str:
    if result.error is not None:
        return result.error.message
    if result.outcome is Outcome.TRUNCATED:
        return "It was cut off by its length limit."
    return f"Its text was {result.outcome.value}."


async def harm(settings: FusionSettings, merged: str, judgement: Judgement, calls: Calls) -> str:
    """Say why the merged answer may not replace the best candidate, or nothing if it beats it in both orders.

    (*Do no harm*.) Without a verdict it may not.
    """
    both = lettered(
        [Candidate(MERGED_KEY, merged), replace(judgement.winner, letter="?", early=None)], settings.seed + 1
    )
    strict = replace(settings, judge=replace(settings.judge, swap_check=True))
    try:
        compared = await judge(strict, both, calls, name="harm", needs=judgement.needs)
    except Unjudged as unjudged:
        return (
            f"The merged answer could not be compared with the best single one, which is returned. {unjudged}"
        )
    is_better = compared.winner.key == MERGED_KEY and not compared.close_call
    return "" if is_better else NOT_BETTER
