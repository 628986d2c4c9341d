"""The page of connections says when a run last asked over each: over the members', over the judge's, and over no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import User
from fusion_site.pools.models import Connection
from tests.runs.conftest import Desk


def test_connections_say_when_they_were_last_asked(
    desk: Desk, client_for: Callable[[User | None], Client]
) -> None:
    def told() -> dict[str, bool]:
        page = client_for(desk.person).get("/connections/").content.decode()
        rows = page.split('<ul class="rows">')[1].split("</ul>")[0].split("</li>")
        return {
            name: any(name in row and "last run" in row for row in rows) for name in ("Up", "Apart", "Spare")
        }

    for name in ("Apart", "Spare"):
        Connection.objects.create(team=desk.team, name=name, kind="openai", base_url="https://else.test/v1")
    desk.preset.judge.connection = Connection.objects.get(team=desk.team, name="Apart")
    desk.preset.judge.save()
    assert not any(told().values())
    desk.start()
    assert told() == {"Up": True, "Apart": True, "Spare": False}
    long_ago = timezone.now() - timedelta(days=300)
    Connection.objects.filter(name="Up").update(asked_at=long_ago)
    desk.start()
    again = Connection.objects.get(team=desk.team, name="Up").asked_at
    assert again is not None
    assert again > timezone.now() - timedelta(minutes=1)
