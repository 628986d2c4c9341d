"""A second opinion where the judge picks an answer of its own family, which it is known to favour."""

from __future__ import annotations

from dataclasses import replace

from fusion_site.engine.calling import Calls
from fusion_site.engine.family import family_of
from fusion_site.engine.judging import Unjudged, passes_over
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.weighing import Judgement, weigh

NOT_CONFIRMED = (
    "A close call: the judge picked an answer of its own model family and the second judge did not, {so}."
)
NO_SECOND = "The judge picked an answer of its own model family, and the second judge could not be asked whether it agrees."


async def confirmed(settings: FusionSettings, judgement: Judgement, calls: Calls) -> Judgement:
    """Give the judgement, after a second judge has compared the same candidates where that is called for.

    It has to pick the same in both orders; if it does not, the higher score over all passes wins.
    """
    second = settings.judge.second
    if second is None or judgement.close_call or not _is_own_pick(settings, judgement):
        return judgement
    asked = replace(settings.judge, model=second, window=settings.judge.second_window, fallback=None)
    candidates = judgement.candidates
    orders = [candidates, candidates[::-1]]
    try:
        passes = await passes_over(
            replace(settings, judge=asked), orders, calls, "second", judgement.needs, follows=True
        )
    except Unjudged:
        return replace(judgement, note=NO_SECOND)
    every = [*judgement.passes, *passes]
    both = weigh(candidates, every, settings.judge.criteria, asked=len(every))
    if both.close_call:
        both = replace(both, note=NOT_CONFIRMED.format(so=both.so))
    elif len(passes) < len(orders):
        both = replace(both, note=NO_SECOND)
    return replace(both, passes=judgement.passes, second=tuple(passes), needs=judgement.needs)


def _is_own_pick(settings: FusionSettings, judgement: Judgement) -> bool:
    models = {member.index: member.model.model for member in settings.members}
    family = family_of(models[judgement.winner.key.member])
    return any(family_of(one.model) == family for one in judgement.passes)
