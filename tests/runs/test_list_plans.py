"""Lists of runs are read from indexes, in their order, however many runs there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.runs.models import Run
from tests.runs.many_runs import many_runs

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="PostgreSQL scans small tables; tests/bench has it"
    ),
]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?cursor=FAR",
        "?state=failed",
        "?state=live",
        "?mode=merge",
        "?person=REF",
        "?q=rare",
        "?q=common",
        "?q=common&state=failed",
        "?since=2020-01-31&until=2099-01-01",
    ],
)
def test_no_list_scans_the_runs_or_sorts_them(
    team: Team, alice: User, client_for: Callable[[User | None], Client], query: str
) -> None:
    many_runs(team, alice, 400)
    client = client_for(alice)
    place = Membership.objects.get(user=alice, team=team)
    query = query.replace("REF", place.ref)
    if "FAR" in query:
        pages = [client.get("/runs/").context["next"]]
        for _ in range(5):
            pages.append(client.get(f"/runs/?cursor={pages[-1]}").context["next"])
        query = f"?cursor={pages[-1]}"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(f"/runs/{query}")
    assert response.status_code == 200
    assert len(queries) <= 25
    (listing,) = [each["sql"] for each in queries if "LIMIT 31" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + listing)
        plan = [row[3] for row in cursor.fetchall()]
    assert not [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step], plan
    assert not [step for step in plan if "TEMP B-TREE FOR ORDER BY" in step], plan
    assert Run.objects.count() == 400
