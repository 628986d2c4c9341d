"""Two things go over between the same two teams, in opposite directions, at the same moment."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection

from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.flows import transfer as flow
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import Connection

UPSTREAM = {"kind": "openai", "base_url": "https://models.example/v1"}


@pytest.mark.django_db(transaction=True)
def test_neither_waits_for_what_the_other_has(
    alice: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL it would be a deadlock. Where both cannot stand there at once, the meeting is called off."""
    places = [_place(alice, each) for each in (team, new_team("Beta", alice))]
    rows = [save_connection(place, {"name": place.team.name, **UPSTREAM}) for place in places]
    meeting, faults = threading.Barrier(2), list[Exception]()

    def record_once_both_have_copied(*args: Any, **kwargs: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(1)
        record(*args, **kwargs)

    def send(place: Membership, row: Connection, to: Membership) -> None:
        try:
            flow.transfer(place, row, flow.Wanted(to))
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(flow, "record", record_once_both_have_copied)
    ways = zip(places, rows, reversed(places), strict=True)
    threads = [threading.Thread(target=send, args=way) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    for place in places:
        assert set(_names(place.team)) >= {"Alpha", "Beta"}


def _place(user: User, team: Team) -> Membership:
    return Membership.objects.select_related("team", "user").get(user=user, team=team)


def _names(team: Team) -> list[str]:
    return list(Connection.objects.filter(team=team).values_list("name", flat=True))
