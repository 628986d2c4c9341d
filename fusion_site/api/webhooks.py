"""`/api/v1/webhooks`: who is told of the ends of the team's runs, and what came of it; for owners."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.api.doors import Given, caller
from fusion_site.api.paging import Paging, page
from fusion_site.runs.hooks.access import found_hook, hooks_of
from fusion_site.runs.hooks.flows.renew_secret import renew_secret
from fusion_site.runs.hooks.flows.settle import change_hook, delete_hook, make_hook, plain_hook, try_hook
from fusion_site.runs.hooks.models import Delivery, Hook

router = Router(tags=["webhooks"])


class HookGiven(Given):
    """What an owner says of a webhook. A field that is not sent stays as it is."""

    name: str | None = None
    url: str | None = Field(
        None, description="Where it is sent to by POST: https, and no redirect is followed."
    )
    with_prompt: bool | None = Field(None, description="Whether the prompt is sent; null is no.")
    with_answer: bool | None = Field(None, description="Whether the fused answer is sent; null is no.")
    is_on: bool | None = Field(
        None, description="Null is yes. What waits for one that is turned off is not sent."
    )


class HookOut(Schema):
    """A webhook."""

    id: str
    name: str
    url: str
    with_prompt: bool
    with_answer: bool
    is_on: bool
    off_because: str | None = Field(description="Why the site turned it off, where it did.")
    failing_since: datetime | None = Field(
        description="Since when nothing was taken; null where all is well."
    )
    old_secret_until: datetime | None = Field(
        description="Until when a secret from before signs as well; null where its own alone does."
    )
    created_at: datetime


class MadeHook(HookOut):
    """A webhook whose secret was just made."""

    secret: str = Field(description="What it is signed with, in this answer alone.")


class HookPage(Schema):
    """One page of webhooks, by name."""

    items: list[HookOut]
    next: str | None


class DeliveryOut(Schema):
    """One end of a run that was told or is to be told, or a test."""

    id: str = Field(description="The header `webhook-id`, the same at every attempt.")
    type: Literal["run.finished", "test"]
    run: str | None
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    status: int | None = Field(description="The HTTP status of the last answer; null where there was none.")
    error: str | None = Field(description="Why the last attempt failed.")
    created_at: datetime
    last_at: datetime | None
    next_at: datetime | None = Field(description="When it is sent next.")


class DeliveryPage(Schema):
    """One page of deliveries, newest first; they are kept for 30 days."""

    items: list[DeliveryOut]
    next: str | None


@router.get("", response=HookPage)
def list_webhooks(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's webhooks, by name; for owners, as is all that follows."""
    rows, following = page(hooks_of(caller(request).membership), paging)
    return {"items": [_shown(row) for row in rows], "next": following}


@router.post("", response={201: MadeHook})
def create_webhook(request: HttpRequest, payload: HookGiven) -> dict[str, Any]:
    """Make a webhook, which is told of every run that ends from now on. Its secret is in this answer alone."""
    hook, secret = make_hook(caller(request).membership, payload.given())
    return {**_shown(hook), "secret": secret}


@router.get("/{hook_id}", response=HookOut)
def read_webhook(request: HttpRequest, hook_id: str) -> dict[str, Any]:
    """Give one webhook."""
    return _shown(found_hook(caller(request).membership, hook_id))


@router.patch("/{hook_id}", response=HookOut)
def change_webhook(request: HttpRequest, hook_id: str, payload: HookGiven) -> dict[str, Any]:
    """Change what is sent of it; one that is turned on again begins anew."""
    place = caller(request).membership
    return _shown(change_hook(place, found_hook(place, hook_id), payload.given()))


@router.delete("/{hook_id}", response={204: None})
def delete_webhook(request: HttpRequest, hook_id: str) -> None:
    """Delete a webhook with its deliveries."""
    place = caller(request).membership
    delete_hook(place, found_hook(place, hook_id))


@router.post("/{hook_id}/secret", response={201: MadeHook})
def renew_webhook_secret(request: HttpRequest, hook_id: str) -> dict[str, Any]:
    """Give a webhook a new secret, which is in this answer alone. For 24 hours what is sent has the signatures of both."""
    place = caller(request).membership
    hook, secret = renew_secret(place, found_hook(place, hook_id))
    return {**_shown(hook), "secret": secret}


@router.post("/{hook_id}/test", response={202: DeliveryOut})
def test_webhook(request: HttpRequest, hook_id: str) -> dict[str, Any]:
    """Have a test sent, once, within seconds; what came of it stands among the deliveries."""
    place = caller(request).membership
    return _delivery(try_hook(place, found_hook(place, hook_id)))


@router.get("/{hook_id}/deliveries", response=DeliveryPage)
def list_deliveries(request: HttpRequest, hook_id: str, paging: Query[Paging]) -> dict[str, Any]:
    """Give what the webhook was told or is to be told, newest first."""
    hook = found_hook(caller(request).membership, hook_id)
    rows, following = page(hook.deliveries.all(), paging, by=("-created_at", "-id"))
    return {"items": [_delivery(row) for row in rows], "next": following}


def _shown(hook: Hook) -> dict[str, Any]:
    return {
        "id": hook.pk,
        **plain_hook(hook),
        "off_because": hook.off_because or None,
        "failing_since": hook.failing_since,
        "old_secret_until": hook.old_secret_until,
        "created_at": hook.created_at,
    }


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.message_id,
        "type": row.type,
        "run": row.run_id,
        "state": row.outcome or "waiting",
        "attempts": row.attempts,
        "status": row.status,
        "error": row.error or None,
        "created_at": row.created_at,
        "last_at": row.last_at,
        "next_at": row.due_at,
    }
