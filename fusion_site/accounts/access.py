"""Who may see and change what. Every query for a team's things starts here, from the viewer's memberships."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Concatenate, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from fusion_site.accounts.entering import lacks_factor, places_in_force
from fusion_site.accounts.models import Membership, User

SESSION_TEAM = "team"
_FACTOR_PAGE = "team_factor"
_CACHE = "_fusion_memberships"

M = TypeVar("M", bound=Model)
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
AsyncView = Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponseBase]]


def visible(model: type[M], user: User | AnonymousUser) -> QuerySet[M]:
    """Give the rows of `model` (anything with a `team`) of the teams that let this person in; none for a stranger."""
    if not isinstance(user, User):
        return model._default_manager.none()
    return model._default_manager.filter(team__in=places_in_force().filter(user=user).values("team"))


def membership_in(user: User | AnonymousUser, team_id: str) -> Membership | None:
    """Give this person's place in that team, or None, whether the team is foreign, keeps them out or does not exist."""
    if not isinstance(user, User):
        return None
    return places_in_force().select_related("team").filter(user=user, team_id=team_id).first()


def memberships_of(request: HttpRequest) -> list[Membership]:
    """Give the signed-in person's places, the personal team first, then by team name; one query per request.

    Closed teams are not among them. Those are that want a second factor first: `signed_in` sends people to set it up.
    """
    found: list[Membership] | None = getattr(request, _CACHE, None)
    if found is None:
        person = request.user
        rows = Membership.objects.of_open_teams().select_related("team", "user")
        rows = rows.filter(user=person if isinstance(person, User) else None)
        found = sorted(rows, key=lambda row: (row.team.personal_of_id != row.user_id, row.team.name))
        setattr(request, _CACHE, found)
    return found


def forget_memberships(request: HttpRequest) -> None:
    """Have the next question of this request read the person's places anew: one was made, or opened, meanwhile."""
    if hasattr(request, _CACHE):
        delattr(request, _CACHE)


def current_membership(request: HttpRequest) -> Membership:
    """Give the place in the team that the person works in now: the session's, else the last one, else the personal one.

    Raises PermissionDenied for a person without any team. In an async view, call it under `asigned_in`.
    """
    places = memberships_of(request)
    if not places:
        raise PermissionDenied("you belong to no team")
    by_team = {place.team_id: place for place in places}
    kept = request.session.get(SESSION_TEAM), person_of(request).last_team_id
    return next((by_team[team_id] for team_id in kept if team_id in by_team), places[0])


def person_of(request: HttpRequest) -> User:
    """Give the signed-in person of a view behind `known` or `signed_in`."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs a guard")
    return request.user


def known(view: View[P]) -> View[P]:
    """Let only signed-in people through to a sync view that is about themselves and no team: all else needs `signed_in`."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_login(request)
        return view(request, *args, **kwargs)

    return guarded


def signed_in(view: View[P]) -> View[P]:
    """Let only signed-in people through to a sync view, whom the current team lets in.

    Others are led to sign in, or to set up a second factor where the team wants one, and back.
    """

    @known
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return _kept_out(request) or view(request, *args, **kwargs)

    return guarded


def asigned_in(view: AsyncView[P]) -> AsyncView[P]:
    """The same for an async view; `request.user` and the membership are loaded by then."""

    @wraps(view)
    async def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return await sync_to_async(_load)(request) or await view(request, *args, **kwargs)

    return guarded


def editor_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let only people through who may change the current team's things: sign-in first, then 403 for viewers."""
    if iscoroutinefunction(view):

        @asigned_in
        @wraps(view)
        async def aguarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            _refuse_viewers(request)
            response: HttpResponseBase = await view(request, *args, **kwargs)
            return response

        return aguarded

    @signed_in
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _refuse_viewers(request)
        response: HttpResponseBase = view(request, *args, **kwargs)
        return response

    return guarded


def _refuse_viewers(request: HttpRequest) -> None:
    if not current_membership(request).may_edit():
        raise PermissionDenied("only editors and owners of the team may change this")


def _load(request: HttpRequest) -> HttpResponseBase | None:
    """Do every query that access needs in one hop to the database thread; gives the way for who may not go on."""
    return _kept_out(request) if request.user.is_authenticated else _to_login(request)


def _kept_out(request: HttpRequest) -> HttpResponseBase | None:
    """Give the way to the page on second factors for whom the current team keeps out until they have one."""
    if not lacks_factor(current_membership(request)):
        return None
    is_htmx = request.headers.get("HX-Request") == "true"
    return HttpResponseClientRedirect(resolve_url(_FACTOR_PAGE)) if is_htmx else redirect(_FACTOR_PAGE)


def _to_login(request: HttpRequest) -> HttpResponseBase:
    """Lead to sign-in and back to the page that the person was on; htmx is told to go there itself."""
    htmx = getattr(request, "htmx", None)
    if isinstance(htmx, HtmxDetails) and htmx:
        back = htmx.current_url_abs_path
        return HttpResponseClientRedirect(redirect_to_login(back or _first_page()).url)
    # What was posted is gone after sign-in, and its address may know no GET.
    is_page = request.method in {"GET", "HEAD"}
    return redirect_to_login(request.get_full_path() if is_page else _first_page())


def _first_page() -> str:
    return resolve_url(settings.LOGIN_REDIRECT_URL)
