"""How many calls a token may still make: told on every answer, in the headers that OpenAI's clients know.

`x-ratelimit-limit-requests` is how many a minute takes, `x-ratelimit-remaining-requests` how many may come at once now,
`x-ratelimit-reset-requests` how long until all of them may (https://platform.openai.com/docs/guides/rate-limits).
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from fusion_site.accounts.models import ApiToken
from fusion_site.accounts.tokens import Pace, spend_call

_NOTED = "_fusion_pace"


def spend(request: HttpRequest, token: ApiToken) -> float | None:
    """Count a request as a call of this token; gives None when it may go on, else the seconds to wait."""
    wait = spend_call(token)
    request.__dict__[_NOTED] = Pace.of(token)
    return wait


def tell_pace(request: HttpRequest, response: HttpResponseBase) -> None:
    """Say on the answer what is left; nothing where the request counted for no token."""
    pace: Pace | None = request.__dict__.get(_NOTED)
    if pace is not None:
        response["x-ratelimit-limit-requests"] = str(pace.limit)
        response["x-ratelimit-remaining-requests"] = str(pace.remaining)
        response["x-ratelimit-reset-requests"] = f"{pace.reset_s:.3f}s"
