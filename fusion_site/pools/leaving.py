"""What may leave for where: a team that is local only, or has named its hosts, sends nothing to any other.

Asked in the last step before every request, whatever it is for, and when a connection is saved; pages say the same
before anything is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import httpx
from django.conf import settings

from fusion_site.accounts.models import Team
from fusion_site.accounts.team_settings import allows_host
from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.pools.models import Connection, Judge, PoolMember
from fusion_site.providers import Endpoint, EndpointUnavailable
from fusion_site.providers.guard import Reach, host_port

NOT_IN_HOUSE = "This team is local only: nothing may be sent to {place}, which the operator of this site has not listed as in-house."
NOT_ALLOWED = (
    "This team has not allowed the host {host}; its owners list the allowed ones in the team's settings."
)


def require_leave(team: Team, endpoint: Endpoint) -> None:
    """Raise EndpointUnavailable, kind permission, where the team's rules let nothing be sent to this endpoint."""
    if not endpoint.is_own and (fault := fault_of_target(team, endpoint.base_url)):
        raise EndpointUnavailable(AskError(ErrorKind.PERMISSION, fault, asked=False))


def fault_of_target(team: Team, base_url: str) -> str | None:
    """Say why nothing of the team may be sent to this well-formed address; None where it may."""
    url = httpx.URL(base_url)
    host = url.raw_host.decode("ascii")
    if not allows_host(team, host):
        return NOT_ALLOWED.format(host=host)
    if team.local_only and not is_in_house(url):
        return NOT_IN_HOUSE.format(place=host_port(url))
    return None


def is_in_house(url: httpx.URL) -> bool:
    """Whether the operator has listed exactly this host and port in FUSION_IN_HOUSE."""
    listed = Reach(settings.FUSION_IN_HOUSE)
    host, _, port = host_port(url).rpartition(":")
    return listed.lists(host.strip("[]"), int(port))


def refusal_of(team: Team, connection: Connection) -> str | None:
    """Say why the team's rules let nothing be sent over its connection; None where they let it."""
    return None if connection.is_local_host else fault_of_target(team, connection.base_url)


def refused_in(team: Team, members: Iterable[PoolMember], judge: Judge) -> list[str]:
    """Give what the team's rules keep a run from asking, as a person reads it before the run is made; mostly nothing."""
    asked = [*((member.connection, _member_words(member)) for member in members), *_judges(judge)]
    return [f"{who} will not be asked. {why}" for where, who in asked if (why := refusal_of(team, where))]


def _member_words(member: PoolMember) -> str:
    return f"The model {member.label or member.model}"


def _judges(judge: Judge) -> Sequence[tuple[Connection, str]]:
    others = (
        (judge.fallback_connection, "The fallback judge"),
        (judge.second_connection, "The second judge"),
    )
    return [(judge.connection, "The judge"), *((where, who) for where, who in others if where is not None)]
