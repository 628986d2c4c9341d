"""What a team's earlier runs tell about the next one."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from fusion_site.accounts.models import Team
from fusion_site.engine.asking import ModelRef
from fusion_site.engine.settings import FusionSettings
from fusion_site.runs.models import Answer

# So many of a team's latest answers are looked at.
LATEST = 200


def usual_lengths(team: Team, settings: FusionSettings) -> dict[ModelRef, int]:
    """Give the median length of the team's latest whole answers, in completion tokens, by model of the pool.

    A model that has not answered yet, or whose server does not count tokens, is left out.
    """
    refs = {member.model.model: member.model for member in settings.members}
    rows = (
        Answer.objects.filter(run__team=team, model__in=refs, outcome="complete")
        .order_by("-run__created_at")
        .values_list("model", "usage")[:LATEST]
    )
    lengths = defaultdict(list)
    for model, usage in rows:
        if (tokens := usage.get("completion_tokens")) is not None:
            lengths[refs[model]].append(tokens)
    return {ref: round(median(found)) for ref, found in lengths.items()}
