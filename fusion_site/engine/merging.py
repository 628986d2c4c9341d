"""Writing one answer out of several, and making sure that it is no worse than the best of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fusion_site.engine.asking import Outcome, Sampling
from fusion_site.engine.calling import Calls
from fusion_site.engine.candidates import Candidate, lettered
from fusion_site.engine.events import AnswerKey, AnswerResult
from fusion_site.engine.judging import Judgement, Unjudged, judge
from fusion_site.engine.prompts import merge_messages
from fusion_site.engine.settings import FusionSettings

MERGE_TOKENS = 8192
# A merge of the top three beats a merge of all (LLM-Blender, ACL 2023).
MERGED_AT_MOST = 3
MERGED_KEY = AnswerKey(-1, -1)


class Unmerged(Exception):
    """No merged answer came about; the message is a plain sentence that says why."""


async def merge(
    settings: FusionSettings,
    judgement: Judgement,
    calls: Calls,
    begin: Callable[[], None],
    on_text: Callable[[str], None],
) -> AnswerResult:
    """Stream the merged answer, by the judge's model or its fallback; raises Unmerged when neither delivers.

    `begin` is called before each attempt: the text starts again at its first character.
    """
    top = judgement.ranked()[:MERGED_AT_MOST]
    messages = merge_messages(settings, top, judgement.analysis())
    models = [m for m in (settings.judge.model, settings.judge.fallback) if m is not None]
    problem = ""
    for n, model in enumerate(models):
        if why := calls.why_not:
            raise Unmerged(why)
        begin()
        sampling = Sampling(temperature=0.3, max_tokens=MERGE_TOKENS)
        result = await calls.call(f"merge/{n}", model, messages, sampling, on_text=on_text)
        if result.text.strip() and result.outcome in {Outcome.COMPLETE, Outcome.TRUNCATED}:
            return result
        problem = result.error.message if result.error else f"Its text was {result.outcome.value}."
    raise Unmerged(f"The merge failed. {problem}")


async def is_better(settings: FusionSettings, merged: str, best: Candidate, calls: Calls) -> bool:
    """Whether the merged answer beats the best candidate in both orders (*do no harm*); without a verdict it does not."""
    both = lettered([Candidate(MERGED_KEY, merged), replace(best, letter="?")], settings.seed + 1)
    strict = replace(settings, judge=replace(settings.judge, swap_check=True))
    try:
        judgement = await judge(strict, both, calls, name="harm")
    except Unjudged:
        return False
    return judgement.winner.key == MERGED_KEY and not judgement.close_call
