"""A pool's zero retention reaches the wire with every request of its runs."""

from __future__ import annotations

import pytest

from fusion_site.accounts.sealing import SealContext, origin_of, seal
from fusion_site.pools.models import Connection
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, work
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


def make_openrouter(desk: Desk) -> None:
    """Let the desk's connection be OpenRouter's, with a key."""
    row = Connection.objects.get(team=desk.team, name="Up")
    context = SealContext(connection=row.pk, team=row.team_id, origin=origin_of(row.base_url))
    row.kind, row.sealed_key = "openrouter", seal("sk-or-v1-test", context=context)
    row.save()


@pytest.mark.parametrize("wanted", [True, False])
def test_members_judge_and_merge_are_asked_with_it(desk: Desk, upstream: Upstream, wanted: bool) -> None:
    make_openrouter(desk)
    desk.preset.pool.zero_retention = wanted
    desk.preset.pool.save()
    desk.change(mode="merge")
    all_answer(upstream)
    assert work(desk.start()).state == "done"
    asked = [request for request in upstream.ledger if request.body.get("messages")]
    assert {request.model for request in asked} == {"ada", "bea", "cyd", "judge"}
    assert len(asked) >= 5
    sent = [request.body.get("provider", {}) for request in asked]
    expected = {"zdr": True, "data_collection": "deny"} if wanted else {}
    found = [{name: each[name] for name in ("zdr", "data_collection") if name in each} for each in sent]
    assert found == [expected] * len(asked)
