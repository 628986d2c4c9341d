"""How often somebody may try to sign in, sign up, reset a password or enter a code; allauth counts, this says when it is enough.

allauth keeps the moments of the last tries in the cache, newest first, under a key that names the rate. Which of them
were looked at in a request is noted, so that its refusal can say when the next try will be taken.
"""

from __future__ import annotations

import math
import time

from allauth.core import context
from allauth.core.internal.ratelimit import Rate, parse_rate, respond_429
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_RATES = "allauth:rl:"
_NOTED = "_fusion_rates"
_AT_LEAST_S = 1


def note_rate(key: str) -> None:
    """Remember that the request which is being answered looked at this key of the cache, if it is one of a rate."""
    request = context.request
    if request is not None and key.startswith(_RATES):
        request.__dict__.setdefault(_NOTED, {})[key] = None


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer that it was too often, and when to come back: in words, and in `Retry-After` in seconds."""
    wait = max([_AT_LEAST_S, *map(_wait, request.__dict__.get(_NOTED, {}))])
    page = render(request, "429.html", {"minutes": math.ceil(wait / 60), "seconds": wait}, status=429)
    page["Retry-After"] = str(wait)
    return page


def refusal_of(error: ValidationError) -> HttpResponse | None:
    """Give the page for what allauth would say beside a field, if it says that there were too many tries."""
    return respond_429(context.request) if error.code == "too_many_login_attempts" else None


def _wait(key: str) -> int:
    """Give the seconds until the rate that the key names has a place again; 0 if it has one now."""
    rate = _rate_in(key)
    tries: list[float] = cache.get(key, [])
    if len(tries) < rate.amount:
        return 0
    counted_first: float = tries[rate.amount - 1]
    return max(0, math.ceil(counted_first + float(rate.duration) - time.time()))


def _rate_in(key: str) -> Rate:
    """Read the rate out of `allauth:rl:app:action:amount/duration/per:…`; its duration is in plain seconds there."""
    amount, duration, per = key.split(":")[4].split("/")
    return parse_rate(f"{amount}/{duration}s/{per}")
