"""How the team's pages say that something cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from fusion_site.accounts.conflict import Conflict

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def says_why_not(view: View[P]) -> View[P]:
    """Lead back to the team's page, which then says why, where a view of one button raises Conflict or ValidationError."""

    @wraps(view)
    def saying(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Conflict as conflict:
            messages.error(request, str(conflict))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("team")

    return saying
