"""What the tests of this room share: places in the team, things to work on, and a server that lists models."""

from __future__ import annotations

import pytest

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import Connection, Judge, Pool, Preset


@pytest.fixture
def place(alice: User, team: Team) -> Membership:
    """Give alice's place in the team."""
    return Membership.objects.select_related("team").get(user=alice, team=team)


@pytest.fixture
def connection(place: Membership) -> Connection:
    """Give a connection with a key, to a host that nobody asks."""
    given = {
        "name": "Hosted",
        "kind": "openai",
        "base_url": "https://models.example.com/v1",
        "api_key": "sk-hosted-4242",
    }
    return save_connection(place, given)


@pytest.fixture
def pool(place: Membership, connection: Connection) -> Pool:
    """Give a pool of two members."""
    members = [{"connection": connection.pk, "model": name} for name in ("lab/alpha", "lab/beta")]
    return save_pool(place, {"name": "Pair", "members": members})


@pytest.fixture
def judge(place: Membership, connection: Connection) -> Judge:
    """Give a judge on the same connection."""
    return save_judge(place, {"name": "Strict", "connection": connection.pk, "model": "lab/gamma"})


@pytest.fixture
def preset(place: Membership, pool: Pool, judge: Judge) -> Preset:
    """Give a preset over both."""
    return save_preset(place, {"name": "Review", "pool": pool.pk, "judge": judge.pk})
