"""A person joins a team, or gets another role in it."""

from __future__ import annotations

from fusion_site.accounts.models import Membership, Role, Team, User


def join_team(user: User, team: Team, role: Role | None = None) -> Membership:
    """Give the person's place in the team, made as editor by default; a named role replaces the one held so far."""
    place, made = Membership.objects.get_or_create(
        user=user, team=team, defaults={"role": role or Role.EDITOR}
    )
    if not made and role is not None and place.role != role:
        place.role = role
        place.save(update_fields=["role"])
    return place
