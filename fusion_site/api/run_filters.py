"""What a program may ask of the list of runs: words to be found, and filters. The same as on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ninja import Field, Schema

from fusion_site.accounts.models import Membership
from fusion_site.api.paging import Paging
from fusion_site.api.run_shapes import RunOut
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.finding.excerpts import Excerpt, excerpts_of
from fusion_site.runs.finding.marks import marks_of
from fusion_site.runs.finding.wanted import Wanted, matching, page_of, read_wanted
from fusion_site.runs.loading import load_states
from fusion_site.runs.models import Run
from fusion_site.runs.reading import run_json


class RunQuery(Paging):
    """Which runs are wanted; all that is given has to hold."""

    q: str = Field(
        "",
        description='Words in prompts, answers and comments; `"a phrase"`, and `begin*` of a word. Any case and accents.',
    )
    preset: str | None = Field(None, description="The id or the slug of a preset.")
    pool: str | None = Field(None, description="The id of the pool that was asked.")
    mode: Literal["best_of", "merge", "debate"] | None = None
    state: Literal["live", "done", "failed", "cancelled"] | None = None
    person: str | None = Field(None, description="Who started it: an id of `team/people`, or `me`.")
    since: str | None = Field(None, description="From this day on, such as 2026-01-31, or from this moment.")
    until: str | None = Field(None, description="Up to and with this day, or before this moment.")
    starred: bool = Field(False, description="Only those that the token's person starred.")
    tag: list[str] = Field(
        default_factory=list, description="Tags that it has to have; may be given more than once."
    )
    cost_over: str | None = Field(None, description="Cost more than this, in USD; what is unknown does not.")


class PieceOut(Schema):
    """A piece of an excerpt; `hit` is what was looked for."""

    text: str
    hit: bool


class ExcerptOut(Schema):
    """Where the words stand: in the fused answer, the prompt, a comment, or the answer of the member so called."""

    where: str
    pieces: list[PieceOut]


class ListedRun(RunOut):
    """A run with what it is marked with; `found` is null unless words were searched for."""

    starred: bool = Field(description="Whether the token's person starred it.")
    tags: list[str]
    found: ExcerptOut | None


class RunPage(Schema):
    """One page of runs, newest first."""

    items: list[ListedRun]
    next: str | None


def found_runs(place: Membership, query: RunQuery) -> dict[str, Any]:
    """Give the page of runs that is asked for; raises Invalid."""
    errors: dict[str, list[str]] = {}
    given = query.model_dump(exclude={"cursor", "limit"})
    wanted = read_wanted(place, {**given, "starred": query.starred}, errors=errors)
    if errors:
        raise Invalid(errors)
    runs, following = page_of(matching(place, wanted), wanted, query.cursor, query.limit)
    return {"items": listed_json(place, runs, wanted), "next": following}


def listed_json(place: Membership, runs: Sequence[Run], wanted: Wanted) -> list[dict[str, Any]]:
    """Give runs as the list shows them, without those that were removed meanwhile."""
    states = load_states([run.pk for run in runs])
    marks = marks_of(runs, place.user_id)
    excerpts = excerpts_of(runs, wanted.terms) if wanted.q else {}
    return [
        {
            **run_json(states[run.pk]),
            "starred": marks[run.pk].starred,
            "tags": [tag.name for tag in marks[run.pk].tags],
            "found": _found(excerpts.get(run.pk)),
        }
        for run in runs
        if run.pk in states
    ]


def _found(excerpt: Excerpt | None) -> dict[str, Any] | None:
    if excerpt is None:
        return None
    return {
        "where": excerpt.where,
        "pieces": [{"text": piece.text, "hit": piece.hit} for piece in excerpt.pieces],
    }
