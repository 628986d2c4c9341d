"""Whether a team lets somebody in now: it is not closed, and who needs a second factor there has one."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from fusion_site.accounts.factors import has_second_factor, second_factor_of
from fusion_site.accounts.models import Membership


def places_in_force() -> QuerySet[Membership]:
    """Give the places in teams that let their people in now. What a team keeps is reached through these alone."""
    return Membership.objects.of_open_teams().filter(Q(team__mfa_required=False) | second_factor_of("user"))


def has_place(person: str, team: str) -> Exists:
    """Give the condition, on rows with these two fields, that the person has a place in force in the team."""
    return Exists(places_in_force().filter(user=OuterRef(person), team=OuterRef(team)))


def lacks_factor(place: Membership) -> bool:
    """Whether the team keeps this person out until they have a second factor of sign-in."""
    return place.team.mfa_required and not has_second_factor(place.user)
