"""Teams begin and end: a deleted one is closed at once, can be restored for a while, and then is gone with everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.db.models import ForeignKey
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.flows.start_team import MOST_OWNED
from fusion_site.accounts.models import AuditEntry, Membership, Role, Team, User
from fusion_site.pools.models import Connection, Preset
from fusion_site.runs.flows.remove_teams import remove_due_teams
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.models import Event, Run
from tests.api.conftest import Program

ClientFor = Callable[[User | None], Client]
ProgramOf = Callable[[User | None], Program]


def delete(client: Client, name: str = "Alpha") -> str:
    """Delete the team of a browser by its form, and give the page that follows."""
    return client.post("/team/delete/", {"name": name}, follow=True).content.decode()


def run_in(team: Team, person: User) -> Run:
    """Start a run of the rehearsal models; nobody works on it."""
    return start_run(person, team, Order(Preset.objects.filter(team=team)[0], "Why?"))


def test_a_person_makes_a_team_and_works_in_it(bob: User, client_for: ClientFor) -> None:
    page = client_for(bob).post("/teams/new/", {"name": "  Blue   sky "}, follow=True)
    assert "Blue" in page.context["team"].name
    assert page.context["place"].role == Role.OWNER
    assert AuditEntry.objects.get(action="team.created").actor == "bob@example.com"
    assert client_for(bob).post("/teams/new/", {"name": " "}).status_code == 422


def test_nobody_owns_teams_without_end(bob: User, client_for: ClientFor) -> None:
    rows = Team.objects.bulk_create(Team(slug=f"t{n}", name="T") for n in range(MOST_OWNED))
    Membership.objects.bulk_create(Membership(team=each, user=bob, role=Role.OWNER) for each in rows)
    before = Team.objects.count()
    assert (
        "You own 50 teams" in client_for(bob).post("/teams/new/", {"name": "T"}, follow=True).content.decode()
    )
    assert Team.objects.count() == before


def test_a_deleted_team_is_closed_for_everybody_at_once(
    team: Team, alice: User, bob: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    run, program, bobs = run_in(team, bob), program_of(bob), client_for(bob)
    page = delete(client_for(alice))
    assert "Alpha is closed." in page
    assert "Restore" in page
    assert program("GET", "me").status_code == 401
    assert bobs.get(f"/runs/{run.pk}/").status_code == 404
    assert bobs.get("/team/").context["team"].name == "Bob"
    assert "Restore" not in bobs.get("/team/").content.decode()
    assert bobs.post("/team/switch/", {"team": team.pk}).status_code == 404
    run.refresh_from_db()
    assert run.cancel_requested


def test_only_its_owners_restore_it(
    team: Team, alice: User, bob: User, charlie: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    program = program_of(bob)
    delete(client_for(alice))
    path = f"/teams/{team.pk}/restore/"
    assert [client_for(person).post(path).status_code for person in (bob, charlie, None)] == [404, 404, 302]
    assert "Alpha is open again." in client_for(alice).post(path, follow=True).content.decode()
    assert program("GET", "me").status_code == 200
    assert [each.action for each in AuditEntry.objects.filter(kind="team")] == [
        "team.restored",
        "team.deleted",
    ]


def test_when_its_time_is_over_it_cannot_be_restored(team: Team, alice: User, client_for: ClientFor) -> None:
    delete(client_for(alice))
    Team.objects.filter(pk=team.pk).update(removal_at=timezone.now())
    assert client_for(alice).post(f"/teams/{team.pk}/restore/").status_code == 404


@pytest.mark.parametrize(("person", "status"), [("bob", 403), ("dave", 403)])
def test_only_owners_delete_it(
    person: str, status: int, team: Team, bob: User, dave: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    user = {"bob": bob, "dave": dave}[person]
    assert client_for(user).post("/team/delete/", {"name": "Alpha"}).status_code == status
    assert program_of(user)("DELETE", "team").status_code == status
    assert Team.objects.get(pk=team.pk).removal_at is None


def test_the_name_has_to_be_typed(team: Team, alice: User, client_for: ClientFor) -> None:
    assert "This is not the team&#x27;s name." in delete(client_for(alice), "alfa")
    assert Team.objects.get(pk=team.pk).removal_at is None


def test_a_program_deletes_it_and_is_refused_from_then_on(team: Team, call: Program) -> None:
    assert call("DELETE", "team").status_code == 204
    assert call("GET", "team").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_after_its_time_it_is_gone_with_everything_and_others_stay(
    team: Team, alice: User, bob: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    program_of(bob)
    kept = run_in(alice.personal_team, alice)
    run_in(team, bob)
    delete(client_for(alice))
    assert remove_due_teams(timezone.now() + timedelta(days=6, hours=23)) == 0
    assert remove_due_teams(timezone.now() + timedelta(days=7, minutes=1)) == 1
    assert list(Run.objects.values_list("pk", flat=True)) == [kept.pk]
    assert set(Event.objects.values_list("run", flat=True)) == {kept.pk}
    assert not Team.objects.filter(pk=team.pk).exists()
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, ForeignKey) and field.related_model is Team:
                assert not model._base_manager.filter(**{f"{field.name}_id": team.pk}).exists()
    assert Connection.objects.filter(team=alice.personal_team).exists()
    assert Team.objects.filter(personal_of=bob).exists()
