"""`POST /api/v1/<things>/{id}/copy` and `/move`: to another team of the same person, which a second token opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import Membership, Scope
from fusion_site.accounts.tokens import holder
from fusion_site.api.doors import Given, caller, found
from fusion_site.pools.flows.restore import MODELS
from fusion_site.pools.flows.transfer import Wanted, transfer
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Named
from fusion_site.pools.rights import require_editor

NO_TOKEN = "There is no such token of yours with the scope `manage`."  # noqa: S105

Shown = Callable[[Any], dict[str, Any]]


class TransferGiven(Given):
    """Where something is to go, and what stands in there for what it refers to."""

    target_token: str = Field(
        description="A token of the same person for the other team, with the scope `manage`: one token opens one team."
    )
    references: dict[str, str] | None = Field(
        None,
        description="By the id of a pool, judge or connection that it refers to, itself or through these: the id of one in the "
        "other team, or `copy`. By default one that leads to the same place or says the same, else a copy.",
    )
    with_keys: bool | None = Field(
        None, description="Seal the keys of copied connections anew for the other team; for owners of both."
    )


def add_transfers(router: Router, kind: str, shown: Shown, out: type[Schema]) -> None:
    """Give a kind's router the two addresses; `shown` gives a row in the shape of `out`."""

    def copy(request: HttpRequest, thing_id: str, payload: TransferGiven) -> dict[str, Any]:
        return shown(_transferred(request, kind, thing_id, payload, moves=False))

    def move(request: HttpRequest, thing_id: str, payload: TransferGiven) -> dict[str, Any]:
        return shown(_transferred(request, kind, thing_id, payload, moves=True))

    for view, summary in (
        (copy, f"Copy a {kind} to another team; gives the one there."),
        (move, f"Move a {kind} to another team; gives the one there, which has an id of its own."),
    ):
        router.add_api_operation(
            f"/{{thing_id}}/{view.__name__}",
            ["POST"],
            view,
            response={201: out},
            summary=summary,
            operation_id=f"{view.__name__}_{kind}_to_team",
        )


def _transferred(
    request: HttpRequest, kind: str, thing_id: str, payload: TransferGiven, *, moves: bool
) -> Named:
    row, place = found(request, MODELS[kind], thing_id), caller(request).membership
    require_editor(place)
    wanted = Wanted(
        _target(request, payload.target_token),
        payload.references or {},
        with_keys=bool(payload.with_keys),
        moves=moves,
    )
    return transfer(place, row, wanted)


def _target(request: HttpRequest, text: str) -> Membership:
    """Give the place that the other token opens; any other text is no token of this person."""
    token = holder(text)
    who = caller(request).token.user
    if token is None or token.user_id != who.pk or Scope.MANAGE not in token.scopes:
        raise Invalid({"target_token": [NO_TOKEN]})
    place = membership_in(who, token.team_id)
    if place is None:
        raise Invalid({"target_token": [NO_TOKEN]})
    return place
