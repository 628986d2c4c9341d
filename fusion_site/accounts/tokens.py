"""API tokens as the doors for programs use them: whose it is, and whether it may call once more now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from fusion_site.accounts.entering import has_place
from fusion_site.accounts.flows.make_token import make_token
from fusion_site.accounts.models import ApiToken

__all__ = ["Pace", "good_tokens", "holder", "make_token", "spend_call"]

_WINDOW_S = 60.0
_ROUNDING_S = 0.001  # a double holds seconds since 1970 to about 2e-7; a call must not be refused for that
_NOTED_EVERY = timedelta(minutes=1)


def holder(text: str) -> ApiToken | None:
    """Give the token with its `user` and `team`, or None; an expired one, and one of a person who was locked or left the team, has none.

    The work is the same for any text: one hash, one look-up by that hash. The time of use is noted once a minute.
    """
    token = good_tokens().select_related("user", "team").filter(digest=ApiToken.digest_of(text)).first()
    if token is not None:
        _note_use(token)
    return token


def good_tokens() -> QuerySet[ApiToken]:
    """Give the tokens that may be used now: not expired, of people who are not locked, in teams that let them in."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiToken.objects.filter(lasting, has_place("user", "team"), user__is_active=True)


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - _NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


@dataclass(frozen=True, slots=True)
class Pace:
    """A token's calls: how many a minute takes, how many may come at once now, and the seconds until all of them may."""

    limit: int
    remaining: int
    reset_s: float

    @classmethod
    def of(cls, token: ApiToken, *, now: float | None = None) -> Pace:
        """Give what `token.paid_until` says; calls that others make meanwhile are not in it."""
        moment = time.time() if now is None else now
        limit = settings.FUSION_CALLS_PER_MINUTE
        owed = min(_WINDOW_S, max(0.0, token.paid_until - moment))
        remaining = int((_WINDOW_S - owed + _ROUNDING_S) * limit / _WINDOW_S)
        return cls(limit, min(limit, remaining), owed)


def spend_call(token: ApiToken, *, now: float | None = None) -> float | None:
    """Count one call; gives None when it may go on, else the seconds to wait until it could.

    A token bucket of FUSION_CALLS_PER_MINUTE in one number (the generic cell rate algorithm, ITU-T I.371): each call
    pushes `paid_until` on by its share of a minute, and it may lie at most a minute ahead. The one conditional UPDATE
    both checks and counts, so calls at the same moment cannot share the last place. `token.paid_until` is brought up
    to what this call knows of it. `now` is in seconds since 1970.
    """
    moment = time.time() if now is None else now
    share = _WINDOW_S / settings.FUSION_CALLS_PER_MINUTE
    limit = moment + _WINDOW_S - share
    row = ApiToken.objects.filter(pk=token.pk)
    ahead = Greatest(F("paid_until"), Value(moment)) + Value(share)
    if row.filter(paid_until__lte=limit + _ROUNDING_S).update(paid_until=ahead):
        token.paid_until = max(token.paid_until, moment) + share
        return None
    token.paid_until = row.values_list("paid_until", flat=True).first() or limit
    return max(_ROUNDING_S, token.paid_until - limit)
