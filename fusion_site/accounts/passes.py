"""By what right somebody goes on seeing a team's things: a session of the pages, or an API token, looked up in rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from fusion_site.accounts.entering import places_in_force
from fusion_site.accounts.models import Membership, User
from fusion_site.accounts.tokens import good_tokens


@dataclass(frozen=True, slots=True)
class Pass:
    """A person in a team, let in by a session or by a token: `session` is its key, or `token` its id."""

    user: int
    team: str
    session: str = ""
    token: str = ""


def places_of(passes: Collection[Pass]) -> dict[Pass, Membership]:
    """Give the place in its team that each pass leads to now; one that is no longer good is left out.

    It takes four queries at most, however many passes there are.
    """
    places = _places(passes)
    tokens = _good_tokens({p.token for p in passes if p.token})
    sessions = _sessions({p.session for p in passes if p.session})
    return {
        p: place
        for p in passes
        if (place := places.get((p.user, p.team))) is not None
        and (p.token in tokens or _is_session_of(place.user, sessions.get(p.session)))
    }


def _places(passes: Collection[Pass]) -> dict[tuple[int, str], Membership]:
    """Give the places in force of people who may sign in, by person and team."""
    people, teams = {p.user for p in passes}, {p.team for p in passes}
    rows = places_in_force().filter(user__in=people, team__in=teams, user__is_active=True)
    return {(row.user_id, row.team_id): row for row in rows.select_related("user")}


def _good_tokens(ids: set[str]) -> set[str]:
    return set(good_tokens().filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()


def _sessions(keys: set[str]) -> dict[str, str]:
    """Give what is stored of each session that has not expired."""
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return dict(rows.values_list("session_key", "session_data")) if keys else {}


def _is_session_of(user: User, stored: str | None) -> bool:
    """Whether the session is this person's, and was begun with the password of now. As Django asks at each request."""
    if stored is None:
        return False
    person, begun_with = _claims(stored)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return person == str(user.pk) and any(constant_time_compare(begun_with, each) for each in hashes)


@lru_cache(maxsize=4096)
def _claims(stored: str) -> tuple[str, str]:
    """Give whose session it says it is, and the mark of the password. Kept, since the same one is read every time."""
    data = Session(session_data=stored).get_decoded()
    return str(data.get(SESSION_KEY, "")), str(data.get(HASH_SESSION_KEY, ""))
