"""`/api/v1/sets`: sets to begin with, which become a pool, a judge and a preset with a team's own models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from fusion_site.accounts.models import Membership, Team
from fusion_site.api.doors import Given, caller
from fusion_site.api.files import MadeOut, made_shown
from fusion_site.api.judges import CriterionOut
from fusion_site.pools.flows.fill_set import fill_set
from fusion_site.pools.flows.refresh_catalogue import hear_of_new_ones
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.rights import require_editor
from fusion_site.pools.starter_sets import STARTER_SETS, StarterSet, starter_set
from fusion_site.pools.suggesting import suggested

router = Router(tags=["sets"])

NO_MODELS = "The connections of this team list no models to choose from; name them."


class RoleOut(Schema):
    """One place in the pool."""

    label: str
    aspect: str
    system: str


class SetOut(Schema):
    """A set to begin with."""

    slug: str
    name: str
    about: str
    mode: str
    template: str
    roles: list[RoleOut]
    criteria: list[CriterionOut]
    instructions: str


class SetPage(Schema):
    """All sets; there is one page of them."""

    items: list[SetOut]
    next: str | None


class ModelGiven(Given):
    """A model and where it is reached."""

    connection: str
    model: str


class Filling(Given):
    """What a set is filled with."""

    name: str | None = Field(None, description="Of what is made; null is the set's own.")
    members: list[ModelGiven] | None = Field(
        None, description="One for each role, in order; null chooses by family, with the judge."
    )
    judge: ModelGiven | None = Field(None, description="Needed where members are given.")


class FilledOut(Schema):
    """The pool, the judge and the preset that were made."""

    made: list[MadeOut]


@router.get("", response=SetPage)
def list_sets(request: HttpRequest) -> dict[str, Any]:
    """Give the sets that one can begin with."""
    return {"items": [_shown(each) for each in STARTER_SETS], "next": None}


@router.post("/{slug}", response={201: FilledOut})
async def fill(request: HttpRequest, slug: str, payload: Filling) -> dict[str, Any]:
    """Make a pool, a judge and a preset of a set, at once or not at all."""
    place, wanted = await sync_to_async(_place)(request), starter_set(slug)
    if wanted is None:
        raise Http404
    if payload.members is None:
        await hear_of_new_ones(place.team)
    return await sync_to_async(_filled)(place, wanted, payload)


def _place(request: HttpRequest) -> Membership:
    place = caller(request).membership
    require_editor(place)
    return place


def _filled(place: Membership, wanted: StarterSet, payload: Filling) -> dict[str, Any]:
    given = _given(payload) if payload.members is not None else _chosen(place.team, wanted)
    made = fill_set(place, wanted, {**given, "name": payload.name})
    return {"made": [made_shown(each) for each in made]}


def _given(payload: Filling) -> dict[str, Any]:
    if payload.judge is None:
        raise Invalid({"judge": ["Name the judge as well."]})
    return {"members": [each.given() for each in payload.members or []], **payload.judge.given()}


def _chosen(team: Team, wanted: StarterSet) -> dict[str, Any]:
    members, judge = suggested(team, len(wanted.roles))
    if judge is None:
        raise Invalid({"members": [NO_MODELS]})
    told = [{"connection": row.connection_id, "model": row.model} for row in (*members, judge)]
    return {"members": told[:-1], **told[-1]}


def _shown(each: StarterSet) -> dict[str, Any]:
    told = asdict(each)
    return {field: told[field] for field in SetOut.model_fields} | {"mode": each.mode.value}
