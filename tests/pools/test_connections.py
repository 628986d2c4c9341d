"""Connections are made and changed; keys are sealed for one address and lost with it."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.models import Membership, Role, Team, User
from fusion_site.accounts.sealing import SealContext, origin_of, unseal
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import CatalogueModel, Connection

OPENAI = {"name": "Lab", "kind": "openai", "base_url": "https://lab.example.com/v1"}


def opened(row: Connection) -> str:
    """Give the key that is sealed in a row."""
    context = SealContext(connection=row.pk, team=row.team_id, origin=origin_of(row.base_url))
    return unseal(row.sealed_key, context=context)


def complaints(
    place: Membership, given: dict[str, object], row: Connection | None = None
) -> dict[str, list[str]]:
    """Give what saving complains of; it must, and it must change nothing."""
    before = list(Connection.objects.order_by("pk").values())
    with pytest.raises(Invalid) as caught:
        save_connection(place, given, row)
    assert list(Connection.objects.order_by("pk").values()) == before
    return caught.value.fields


def test_a_key_is_sealed_and_only_its_end_is_readable(place: Membership) -> None:
    row = save_connection(place, {**OPENAI, "api_key": " sk-secret-1234 "})
    row.refresh_from_db()
    assert row.key_hint == "1234"
    assert "secret" not in str(Connection.objects.filter(pk=row.pk).values())
    assert opened(row) == "sk-secret-1234"
    assert row.state == "ready"


def test_the_hint_of_a_short_key_gives_nothing_away(place: Membership) -> None:
    assert "abc" not in save_connection(place, {**OPENAI, "api_key": "abc123"}).key_hint


def test_a_change_of_path_keeps_the_key(place: Membership) -> None:
    row = save_connection(place, {**OPENAI, "api_key": "sk-secret-1234"})
    row = save_connection(place, {"base_url": "https://LAB.example.com:443/v2"}, row)
    assert opened(row) == "sk-secret-1234"
    assert (row.key_lost, row.state) == (False, "ready")


@pytest.mark.parametrize(
    "base_url", ["https://lab2.example.com/v1", "https://lab.example.com.evil.example/v1"]
)
def test_another_origin_loses_the_key(place: Membership, base_url: str) -> None:
    row = save_connection(place, {**OPENAI, "api_key": "sk-secret-1234"})
    row = save_connection(place, {"base_url": base_url}, row)
    row.refresh_from_db()
    assert (row.sealed_key, row.key_hint, row.state) == ("", "", "needs_key")
    back = save_connection(place, {"base_url": OPENAI["base_url"]}, row)
    assert back.state == "needs_key", "the old address does not bring the key back"
    assert save_connection(place, {"api_key": "sk-new-5678"}, back).state == "ready"


def test_another_origin_with_a_key_of_its_own_is_ready(place: Membership) -> None:
    row = save_connection(place, {**OPENAI, "api_key": "sk-secret-1234"})
    row = save_connection(place, {"base_url": "https://lab2.example.com/v1", "api_key": "sk-other-5678"}, row)
    assert opened(row) == "sk-other-5678"
    assert (row.key_hint, row.state) == ("5678", "ready")


@pytest.mark.parametrize("gone", [None, ""])
def test_a_blank_key_takes_the_key_away_and_an_absent_one_keeps_it(place: Membership, gone: object) -> None:
    row = save_connection(place, {**OPENAI, "api_key": "sk-secret-1234"})
    assert save_connection(place, {"name": "Renamed"}, row).key_hint == "1234"
    row = save_connection(place, {"api_key": gone}, row)
    assert (row.sealed_key, row.key_hint, row.state) == ("", "", "ready")


def test_openrouter_has_an_address_and_needs_a_key(place: Membership) -> None:
    row = save_connection(place, {"name": "OR", "kind": "openrouter"})
    assert (row.base_url, row.state) == ("https://openrouter.ai/api/v1", "needs_key")
    assert save_connection(place, {"api_key": "sk-or-v1-abcdef"}, row).state == "ready"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"kind": None}, "kind"),
        ({"kind": "rehearsal"}, "kind"),
        ({"kind": "ftp"}, "kind"),
        ({"base_url": None}, "base_url"),
        ({"base_url": "http://lab.example.com/v1"}, "base_url"),
        ({"base_url": "https://lab.example.com/" + "x" * 500}, "base_url"),
        ({"parallel": 0}, "parallel"),
        ({"parallel": 257}, "parallel"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "line\nbreak"}, "api_key"),
        ({"api_key": "schlüssel"}, "api_key"),
        ({"key": "x"}, "key"),
    ],
)
def test_what_cannot_be_kept(place: Membership, given: dict[str, object], field: str) -> None:
    found = complaints(place, {**OPENAI, **given})
    assert list(found) == [field]
    assert "schlüssel" not in str(found)


def test_the_kind_stays(place: Membership, connection: Connection) -> None:
    assert list(complaints(place, {"kind": "openrouter"}, connection)) == ["kind"]
    assert save_connection(place, {"kind": "openai", "name": "Same"}, connection).name == "Same"


def test_one_connection_to_the_compact_host_of_this_machine(place: Membership) -> None:
    row = save_connection(place, {"name": "Here", "kind": "compact"})
    assert row.is_local_host
    assert list(complaints(place, {"name": "Again", "kind": "compact"})) == ["kind"]
    far = save_connection(place, {"name": "Far", "kind": "compact", "base_url": "https://gpu.example.com/v1"})
    assert not far.is_local_host
    assert list(complaints(place, {"base_url": None}, far)) == ["kind"]
    assert list(complaints(place, {"api_key": "sk-123456789"}, row)) == ["api_key"]


def test_the_rehearsal_connection_can_be_renamed_and_nothing_else(place: Membership) -> None:
    row = Connection.objects.get(team=place.team, kind="rehearsal")
    assert save_connection(place, {"name": "Stage", "parallel": 3}, row).name == "Stage"
    assert list(complaints(place, {"base_url": "https://lab.example.com/v1"}, row)) == ["base_url"]
    assert list(complaints(place, {"api_key": "sk-123456789"}, row)) == ["api_key"]


def test_what_was_learned_of_an_address_goes_with_it(place: Membership, connection: Connection) -> None:
    CatalogueModel.objects.create(connection=connection, model="lab/alpha")
    Connection.objects.filter(pk=connection.pk).update(check_error={"kind": "auth", "message": "No."})
    kept = save_connection(place, {"name": "Renamed"}, connection)
    assert kept.state == "failing"
    row = save_connection(place, {"base_url": "https://else.example.com/v1", "api_key": "sk-123456789"}, kept)
    assert (row.check_error, row.checked_at, row.catalogue.count()) == (None, None, 0)


def test_viewers_and_strangers_change_nothing(
    team: Team, connection: Connection, dave: User, charlie: User
) -> None:
    viewer = Membership.objects.get(user=dave, team=team)
    with pytest.raises(PermissionDenied):
        save_connection(viewer, OPENAI)
    stranger = Membership.objects.get(user=charlie)
    with pytest.raises(Http404):
        save_connection(stranger, {"name": "Mine now"}, connection)
    connection.refresh_from_db()
    assert connection.name == "Hosted"


def test_a_change_sees_what_another_change_just_wrote(
    place: Membership, connection: Connection, dave: User
) -> None:
    """Two people who opened the same form do not take back each other's other fields."""
    join_team(dave, place.team, Role.EDITOR)
    stale = Connection.objects.get(pk=connection.pk)
    save_connection(place, {"name": "First"}, connection)
    save_connection(Membership.objects.get(user=dave, team=place.team), {"parallel": 2}, stale)
    connection.refresh_from_db()
    assert (connection.name, connection.parallel) == ("First", 2)
