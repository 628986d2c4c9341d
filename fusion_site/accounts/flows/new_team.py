"""A team comes to be: its row, its first person, and whatever other rooms put into a new team."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.models import Role, Team, User
from fusion_site.accounts.signals import team_created

_SLUG_LENGTH = 50


@transaction.atomic
def new_team(
    name: str, first: User, *, role: Role = Role.OWNER, slug: str = "", personal: bool = False
) -> Team:
    """Store a team with its first person and announce it; the slug is made from the name unless given.

    Raises IntegrityError when a given slug is taken, or when `first` has a personal team already.
    """
    team = Team(name=name[:120], slug=slug, personal_of=first if personal else None)
    team = _stored(team, [slug] if slug else _slugs_for(name))
    join_team(first, team, role)
    team_created.send(sender=Team, team=team)
    return team


def _stored(team: Team, slugs: list[str] | Iterator[str]) -> Team:
    """Save under the first slug that is free. The unique index decides, so that two at once cannot agree on one."""
    taken = IntegrityError("no slug to try")
    for slug in slugs:
        team.slug = slug
        try:
            with transaction.atomic():
                team.save(force_insert=True)
        except IntegrityError as error:
            if not Team.objects.filter(slug=slug).exists():
                raise
            taken = error
        else:
            return team
    raise taken


def _slugs_for(name: str) -> Iterator[str]:
    base = slugify(name)[:_SLUG_LENGTH] or "team"
    yield base
    for _ in range(5):
        yield f"{base}-{secrets.token_hex(3)}"
