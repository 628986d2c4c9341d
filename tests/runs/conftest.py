"""A team with a pool over a scripted upstream, and runs worked on by a real supervisor."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import override_settings

from fusion_site.accounts.models import Team, User
from fusion_site.pools.models import Connection, Judge, Pool, PoolMember, Preset
from fusion_site.pools.reaching import asker, close_providers, providers
from fusion_site.runs.execution.supervisor import Supervisor
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.models import Run
from fusion_site.runs.queue import RowsOnly, use_queue
from tests.upstream import Upstream, judge_for

MEMBERS = ("ada", "bea", "cyd")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Give a scripted upstream with three members and a judge that picks bea's answer."""
    server = Upstream()
    server.scripts["judge"] = judge_for("bea")
    with override_settings(FUSION_PRIVATE_UPSTREAMS=frozenset({server.host_port})):
        yield server
    server.close()


@dataclass
class Desk:
    """What tests of runs start from: a preset over the upstream, and a person to run it."""

    person: User
    team: Team
    preset: Preset

    def start(self, prompt: str = "What is best?", **order: Any) -> Run:
        """Start a run; nobody works on it yet."""
        return start_run(self.person, self.team, Order(self.preset, prompt, **order))

    def change(self, **fields: Any) -> None:
        """Change the preset."""
        for name, value in fields.items():
            setattr(self.preset, name, value)
        self.preset.save()


@pytest.fixture
def desk(transactional_db: None, team: Team, bob: User, upstream: Upstream) -> Desk:
    """Give a desk whose preset is best-of over ada, bea and cyd, without the order-swap check."""
    connection = Connection.objects.create(team=team, name="Up", kind="openai", base_url=upstream.url)
    pool = Pool.objects.create(team=team, name="Three")
    for position, name in enumerate(MEMBERS):
        PoolMember.objects.create(
            pool=pool, position=position, connection=connection, model=name, label=name.title()
        )
    judge = Judge.objects.create(
        team=team,
        name="Judge",
        connection=connection,
        model="judge",
        swap_check=False,
        criteria=[{"name": "Correct", "description": "", "weight": 1}],
    )
    preset = Preset.objects.create(
        team=team, name="Best", slug="best", pool=pool, judge=judge, mode="best_of", quorum=3
    )
    return Desk(bob, team, preset)


@asynccontextmanager
async def working() -> Any:
    """Have a supervisor at work, as in the server's process."""
    supervisor = Supervisor(asker())
    use_queue(supervisor)
    providers()
    try:
        yield supervisor
    finally:
        use_queue(RowsOnly())
        await supervisor.stop()
        await close_providers()


@pytest.fixture
def quietly() -> Iterator[None]:
    """Have the command's quiet log speak again afterwards."""
    log = logging.getLogger("fusion_site")
    level = log.level
    yield
    log.setLevel(level)
