"""A visit by a link: whether there is anything behind it, for whom, and how much of it is shown to this visitor.

Page, socket, sources and exports ask here and nowhere else. A visitor's browser keeps nothing, but for two cookies that
are set when a password is entered or a vote cast, and that go to the link's own address alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import signing

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import Membership, User
from fusion_site.runs.live.lens import Lens, Part
from fusion_site.runs.sharing.access import is_for_team, living_share
from fusion_site.runs.sharing.models import Share
from fusion_site.runs.voting.models import Vote
from fusion_site.runs.voting.voter import Voter, visitor_of

# For so many seconds the password is not asked again.
UNLOCKED_S = 12 * 60 * 60
# For so many seconds a visitor who voted is known again, as long as the browser keeps it.
VOTED_S = 90 * 24 * 60 * 60
# What stands in the place of a visitor's random id where they chose to see the names without voting.
SEEN = "seen"
_SALT = "share link password"


def _cookie(name: str) -> str:
    """Browsers take a cookie of such a name over https alone, and from nobody who could only write plain http."""
    return f"__Secure-{name}" if settings.SESSION_COOKIE_SECURE else name


@dataclass(frozen=True, slots=True)
class Visit:
    """A living link and who follows it. `place` is theirs in the run's team; `mark` is what the ballot's cookie says."""

    share: Share
    user: User | None
    place: Membership | None
    is_unlocked: bool
    mark: str

    @property
    def needs_sign_in(self) -> bool:
        """Whether the link is for people of the team, and nobody knows yet who this is."""
        return self.place is None and is_for_team(self.share)

    @property
    def is_open(self) -> bool:
        """Whether this visitor may see what the link shows."""
        return self.is_unlocked and not self.needs_sign_in

    @property
    def voter(self) -> Voter | None:
        """Give the visitor as a voter, where they are one already."""
        return visitor_of(self.share.pk, self.mark) if self.mark and self.mark != SEEN else None

    def is_blind(self) -> bool:
        """Whether no name may be shown yet: the visitor may vote and has not. People of the team vote on the run's page."""
        if not self.share.voting or self.place is not None or self.mark == SEEN:
            return False
        voter = self.voter
        return voter is None or not Vote.objects.filter(run=self.share.run_id, voter=voter.key).exists()

    def lens(self) -> Lens:
        """Give what is shown to this visitor."""
        lens = self.share.lens
        return Lens(lens.parts & {Part.PROMPT}) if self.is_blind() else lens


def visit(token: str, user: object, cookies: Mapping[str, str]) -> Visit | None:
    """Give the visit, or None where the link is dead, never was, or is for a team that this person is not in."""
    share = living_share(token)
    if share is None:
        return None
    person = User.objects.filter(pk=user.pk, is_active=True).first() if isinstance(user, User) else None
    place = membership_in(person or AnonymousUser(), share.run.team_id)
    found = Visit(share, person, place, _is_unlocked(share, cookies), cookies.get(_cookie("ballot"), "")[:64])
    return None if found.needs_sign_in and person is not None else found


def _is_unlocked(share: Share, cookies: Mapping[str, str]) -> bool:
    if not share.password:
        return True
    try:
        said = signing.loads(cookies.get(_cookie("unlocked"), ""), salt=_SALT, max_age=UNLOCKED_S)
    except signing.BadSignature:
        return False
    return bool(said == share.pk)


def remember_unlocked(response: Any, share: Share, path: str) -> None:
    """Keep in the browser, for the link's own address, that its password was entered."""
    _set(response, "unlocked", signing.dumps(share.pk, salt=_SALT), UNLOCKED_S, path)


def remember_ballot(response: Any, mark: str, path: str) -> None:
    """Keep in the browser, for the link's own address, who voted, or that they chose to see the names."""
    _set(response, "ballot", mark, VOTED_S, path)


def _set(response: Any, name: str, value: str, max_age: int, path: str) -> None:
    response.set_cookie(
        _cookie(name),
        value,
        max_age=max_age,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
