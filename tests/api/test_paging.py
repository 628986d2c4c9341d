"""Lists come a page at a time; what is added or deleted meanwhile neither repeats nor hides a row."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.accounts.models import Team
from fusion_site.api.paging import Paging, page
from fusion_site.pools.models import Pool
from tests.api.conftest import Program


@pytest.fixture
def pools(team: Team) -> list[str]:
    """Make pools, two pairs of them with the same name, and give the names in order."""
    Pool.objects.filter(team=team).exclude(presets__isnull=False).delete()
    for name in ("b", "a", "c", "b", "a"):
        Pool.objects.create(team=team, name=name)
    return sorted(Pool.objects.filter(team=team).values_list("name", flat=True))


def walked(call: Program, limit: int) -> list[Any]:
    """Give all pools, page by page."""
    found, cursor = [], ""
    while True:
        answer = call("GET", f"pools?limit={limit}{cursor}").json()
        assert set(answer) == {"items", "next"}
        assert len(answer["items"]) <= limit
        found += answer["items"]
        if answer["next"] is None:
            return found
        cursor = f"&cursor={answer['next']}"


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 100])
def test_every_row_comes_once_and_in_order(call: Program, pools: list[str], limit: int) -> None:
    found = walked(call, limit)
    assert [each["name"] for each in found] == pools
    assert len({each["id"] for each in found}) == len(pools)


def test_a_deleted_row_hides_no_other(call: Program, team: Team, pools: list[str]) -> None:
    first = call("GET", "pools?limit=3").json()
    Pool.objects.filter(pk=first["items"][0]["id"]).exclude(presets__isnull=False).delete()
    Pool.objects.filter(pk=first["items"][2]["id"]).delete()
    second = call("GET", f"pools?limit=9&cursor={first['next']}").json()
    assert [each["name"] for each in [*first["items"], *second["items"]]] == pools


def test_descending_order_pages_too(team: Team, pools: list[str]) -> None:
    rows, by = Pool.objects.filter(team=team), ("-created_at", "-id")
    found, cursor = [], None
    for _ in pools:
        shown, cursor = page(rows, Paging(cursor=cursor, limit=1), by=by)
        found += shown
    assert cursor is None
    assert found == list(rows.order_by(*by))


@pytest.mark.parametrize(
    "cursor",
    ["x", "%00", "W10", "WyJhIl0", "WzEsMiwzXQ", "WyJhIixudWxsXQ", "e30", "ü", "WyJhXHUwMDAwIiwiYiJd"],
)
def test_a_cursor_from_nowhere_is_a_complaint(call: Program, cursor: str) -> None:
    response = call("GET", f"pools?cursor={cursor}")
    assert response.status_code == 422
    assert list(response.json()["error"]["fields"]) == ["cursor"]


@pytest.mark.parametrize(
    ("limit", "message"),
    [("0", "Must be at least 1."), ("101", "Must be at most 100."), ("x", "Enter a whole number.")],
)
def test_limits_of_the_limit(call: Program, limit: str, message: str) -> None:
    response = call("GET", f"pools?limit={limit}")
    assert response.status_code == 422
    assert response.json()["error"]["fields"] == {"limit": [message]}
