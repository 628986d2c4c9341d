"""`/api/v1/tokens`: the caller's own tokens in the team, listed and revoked. They are made where somebody can be asked who it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.accounts.flows.make_token import revoke_token
from fusion_site.accounts.models import ApiToken
from fusion_site.api.doors import caller
from fusion_site.api.paging import Paging, page
from fusion_site.pools.naming import is_id

router = Router(tags=["tokens"])


class TokenRow(Schema):
    """A token, without its text: that was shown once, when it was made."""

    id: str
    name: str
    hint: str = Field(description="How its text ends.")
    scopes: list[str] = Field(description="Of `run`, `read` and `manage`.")
    created_at: datetime
    expires_at: datetime | None = Field(description="null for a token from before tokens expired.")
    last_used_at: datetime | None = Field(description="To the minute; null for one that was never used.")
    is_this: bool = Field(description="Whether this call was made with it.")


class TokenPage(Schema):
    """One page of tokens, newest first."""

    items: list[TokenRow]
    next: str | None


@router.get("", response=TokenPage)
def list_tokens(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give one's own tokens in this team, newest first, expired ones too."""
    found, following = page(_own(request), paging, by=("-created_at", "-id"))
    return {"items": [_shown(request, each) for each in found], "next": following}


@router.get("/{token_id}", response=TokenRow)
def read_token(request: HttpRequest, token_id: str) -> dict[str, Any]:
    """Give one of one's own tokens in this team."""
    return _shown(request, _token(request, token_id))


@router.delete("/{token_id}", response={204: None})
def delete_token(request: HttpRequest, token_id: str) -> None:
    """Revoke one of one's own tokens in this team, which is refused from now on: it may be the one of this call."""
    if not revoke_token(caller(request).token.user, _token(request, token_id).pk):
        raise Http404  # revoked elsewhere since it was found


def _own(request: HttpRequest) -> QuerySet[ApiToken]:
    held = caller(request).token
    return ApiToken.objects.filter(user=held.user_id, team=held.team_id)


def _token(request: HttpRequest, token_id: str) -> ApiToken:
    token = _own(request).filter(pk=token_id).first() if is_id(token_id) else None
    if token is None:
        raise Http404
    return token


def _shown(request: HttpRequest, token: ApiToken) -> dict[str, Any]:
    names = ("name", "hint", "scopes", "created_at", "expires_at", "last_used_at")
    is_this = token.pk == caller(request).token.pk
    return {"id": token.pk, "is_this": is_this, **{name: getattr(token, name) for name in names}}
