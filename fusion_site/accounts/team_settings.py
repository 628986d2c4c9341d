"""What the owners of a team have decided about it, as other rooms ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fusion_site.accounts.models import Adders, Membership, Reach, Role, Team

# The fields of `Team` that its owners set, as programs name them.
FIELDS = (
    "connections_by",
    "allowed_hosts",
    "run_cap_usd",
    "mfa_required",
    "links",
    "links_max_days",
    "links_need_password",
    "local_only",
)


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """What share links a team allows. `max_days` bounds how long one may live; None is as long as its maker chooses."""

    reach: Reach
    max_days: int | None
    needs_password: bool


def link_policy(team: Team) -> LinkPolicy:
    """Give the team's rule for share links; it holds for links that are there already as well as for new ones."""
    return LinkPolicy(Reach(team.links), team.links_max_days, team.links_need_password)


def may_add_connections(place: Membership) -> bool:
    """Whether this person may add connections to the team, give one another address, or another key."""
    owners_only = place.team.connections_by == Adders.OWNERS
    return place.role == Role.OWNER if owners_only else place.may_edit()


def allows_host(team: Team, host: str) -> bool:
    """Whether connections of the team may lead to this host name. Hosts that the site itself runs are not asked about."""
    return not team.allowed_hosts or host.lower().rstrip(".") in team.allowed_hosts


def plain_settings(team: Team) -> dict[str, Any]:
    """Give the settings by field as plain data; money is a decimal text in USD, None is no bound."""
    return {name: _plain(getattr(team, name)) for name in FIELDS}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value) if isinstance(value, str) else value
