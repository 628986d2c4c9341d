"""Two people at one thing: nobody's work is overwritten unseen, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.pools.flows.keep_version import pinned
from fusion_site.pools.models import Judge, Pool, Preset
from tests.pools.test_pages import opened


@pytest.fixture
def alices(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser."""
    return client_for(alice)


@pytest.fixture
def bobs(bob: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give bob's browser."""
    return client_for(bob)


def test_who_comes_second_is_told_what_changed_and_decides(
    alices: Client, bobs: Client, bob: User, pool: Pool
) -> None:
    path = f"/pools/{pool.pk}/"
    hers, his = opened(alices.get(path)).values, opened(bobs.get(path)).values
    assert bobs.post(path, {**his, "name": "Bob's pair", "do": "save"}).status_code == 302
    typed = {**hers, "members.1.label": "Typed by alice"}
    page = opened(alices.post(path, {**typed, "do": "save"}), 409)
    assert f"Not saved: {bob.name or bob.email} saved this pool" in page.html
    assert "<ins>Bob&#x27;s pair</ins>" in page.html
    assert page.values["members.1.label"] == "Typed by alice"
    assert page.values["name"] == "Pair"
    pool.refresh_from_db()
    assert pool.name == "Bob's pair", "nothing was written"
    moved = opened(alices.post(path, {**typed, "do": "down.0"}))
    assert moved.values["seen"] == hers["seen"], "to move a row is not to look at what is new"
    assert alices.post(path, {**page.values, "do": "save"}).status_code == 302
    pool.refresh_from_db()
    assert pool.name == "Pair"
    assert pool.members.all()[1].label == "Typed by alice"


@pytest.mark.parametrize("kind", ["judges", "presets"])
def test_the_other_kinds_clash_alike(alices: Client, bobs: Client, preset: Preset, kind: str) -> None:
    row: Judge | Preset = preset.judge if kind == "judges" else preset
    path = f"/{kind}/{row.pk}/"
    hers, his = opened(alices.get(path)).values, opened(bobs.get(path)).values
    assert bobs.post(path, {**his, "name": "Bob's", "do": "save"}).status_code == 302
    assert alices.post(path, {**hers, "name": "Alice's", "do": "save"}).status_code == 409


def test_that_a_run_used_it_meanwhile_is_no_clash(alices: Client, team: Team) -> None:
    pool = Pool.objects.get(team=team, name="Rehearsal trio")
    assert pool.version == 0, "from before versions were kept"
    form = opened(alices.get(f"/pools/{pool.pk}/")).values
    pinned(pool)
    assert alices.post(f"/pools/{pool.pk}/", {**form, "name": "Trio", "do": "save"}).status_code == 302


def test_a_row_is_dragged_to_any_place(alices: Client, team: Team) -> None:
    judge = Judge.objects.get(team=team)
    form = opened(alices.get(f"/judges/{judge.pk}/")).values
    names = [form[f"criteria.{at}.name"] for at in range(4)]

    def after(do: str) -> list[str]:
        page = opened(alices.post(f"/judges/{judge.pk}/", {**form, "do": do}, HTTP_HX_REQUEST="true"))
        assert 'id="said"' in page.html
        return [page.values[f"criteria.{at}.name"] for at in range(4)]

    assert after("move.0.3") == [*names[1:], names[0]]
    assert after("move.3.1") == [names[0], names[3], names[1], names[2]]
    for nonsense in ("move.0.4", "move.9.1", "move.0", "move", "move.x.1", "move.-1.2"):
        assert after(nonsense) == names


def test_a_name_is_changed_in_the_list_or_the_reason_said_beside_it(
    alices: Client, bobs: Client, pool: Pool
) -> None:
    path, htmx = f"/pools/{pool.pk}/name/", {"HTTP_HX_REQUEST": "true"}
    assert f'hx-get="{path}"' in alices.get("/pools/").content.decode()
    field = opened(alices.get(path, **htmx))  # type: ignore[arg-type]
    assert field.values["name"] == "Pair"
    wrong = opened(alices.post(path, {**field.values, "name": "x" * 121}, **htmx))  # type: ignore[arg-type]
    assert wrong.error_at("name").startswith("Use at most 120")
    assert wrong.values["name"] == "x" * 121
    bobs.post(path, {**field.values, "name": "Bob's"}, **htmx)  # type: ignore[arg-type]
    late = opened(alices.post(path, {**field.values, "name": "Alice's"}, **htmx))  # type: ignore[arg-type]
    assert "It was saved meanwhile, as “Bob" in late.error_at("name")
    done = alices.post(path, late.values, **htmx).content.decode()  # type: ignore[arg-type]
    assert "called “Alice&#x27;s” now" in done
    assert f'href="/pools/{pool.pk}/"' in done
    pool.refresh_from_db()
    assert (pool.name, pool.members.count()) == ("Alice's", 2)
    assert alices.get(path)["Location"] == f"/pools/{pool.pk}/", "without htmx there is the form"
