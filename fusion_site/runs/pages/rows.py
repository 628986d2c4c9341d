"""Runs as rows of a list: what was asked, what came of it, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Substr

from fusion_site.accounts.models import Team
from fusion_site.pages.markdown import plain_words
from fusion_site.runs.header import short_header
from fusion_site.runs.live.choosing import WAITS
from fusion_site.runs.live.presenting import preset_words
from fusion_site.runs.loading import brief_states
from fusion_site.runs.models import FINAL_STATES, Fusion, Run
from fusion_site.runs.titles import titled

# Of the fused answer so much is read for its first line, in characters.
OPENING = 400
_UNSAID = ("after__settings", "after__verdict")


def listed(team: Team | str) -> QuerySet[Run]:
    """Give the team's runs with what a row of a list says of them."""
    return with_row_facts(Run.objects.filter(team=team))


def with_row_facts(rows: QuerySet[Run]) -> QuerySet[Run]:
    """Give the same runs with what a row of a list says of them."""
    return rows.select_related("person", "after").defer(*_UNSAID)


def rows_of(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Give the rows, in the order of the runs."""
    states, openings = brief_states(runs), _openings(runs)
    return [_row(run, short_header(states[run.pk]), openings.get(run.pk, "")) for run in runs]


def _openings(runs: Sequence[Run]) -> dict[str, str]:
    """Give how the newest whole fused answer of each run begins."""
    newest = Fusion.objects.filter(run=OuterRef("run"), finished=True).order_by("-version").values("pk")[:1]
    rows = Fusion.objects.filter(run__in=[run.pk for run in runs], pk=Subquery(newest))
    return dict(rows.annotate(opening=Substr("text", 1, OPENING)).values_list("run", "opening"))


def _row(run: Run, header: str, opening: str) -> dict[str, Any]:
    after = run.after if run.after and run.after.deleted_at is None else None
    return {
        "id": run.pk,
        "title": titled(run),
        "opening": _first_line(opening),
        "after": {"id": after.pk, "title": titled(after)} if after else None,
        "state": run.state,
        "is_live": run.state not in FINAL_STATES or run.is_open,
        "header": header,
        "waits": WAITS if run.guided_until else "",
        "mode": run.mode,
        "mode_label": run.get_mode_display(),
        "preset_name": preset_words(run.preset_name),
        "rehearsal": run.rehearsal,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "cost_usd": run.cost_usd,
        "person": run.person.name or run.person.email,
    }


def _first_line(text: str) -> str:
    """Give the first line that says something: headings come before it, and stand for it where there is nothing else."""
    lines = [line for line in text.splitlines() if line.strip()]
    lines.sort(key=lambda line: line.lstrip().startswith("#"))
    return next((words for words in map(plain_words, lines) if words), "")
