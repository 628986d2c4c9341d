"""A new person: row, personal team and perhaps the site, all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import Role, Team, User
from fusion_site.accounts.signals import team_created

PASSWORD = "correct horse battery staple"


def sign_up(client: Client, email: str) -> Any:
    """Post the sign-up page's form."""
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD})


@contextmanager
def listening(receiver: Any) -> Iterator[None]:
    """Hear of new teams for the time of a test."""
    team_created.connect(receiver, weak=False)
    try:
        yield
    finally:
        team_created.disconnect(receiver)


@pytest.mark.django_db
def test_signing_up_signs_in_with_a_personal_team() -> None:
    client = Client()
    response = sign_up(client, "Eve.Example@Example.com")
    assert (response.status_code, response["Location"]) == (302, "/")
    user = User.objects.get()
    assert user.email == "eve.example@example.com"
    assert user.check_password(PASSWORD)
    assert user.password.startswith("argon2")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.personal_team.slug == "eveexample"
    assert [(place.team, place.role) for place in user.memberships.all()] == [
        (user.personal_team, Role.OWNER)
    ]


@pytest.mark.django_db
def test_the_first_person_owns_the_site_and_no_other() -> None:
    sign_up(Client(), "first@example.com")
    sign_up(Client(), "second@example.com")
    assert [user.email for user in User.objects.filter(is_site_owner=True)] == ["first@example.com"]


@pytest.mark.django_db
def test_one_address_in_any_case_is_one_person() -> None:
    sign_up(Client(), "first@example.com")
    response = sign_up(Client(), "FIRST@example.com")
    assert response.status_code == 200
    assert "email" in response.context["form"].errors
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_people_of_one_name_get_teams_with_slugs_of_their_own() -> None:
    for host in ("a.example", "b.example"):
        open_account(User(email=f"sam@{host}"))
    first, second = Team.objects.order_by("created_at")
    assert first.slug == "sam"
    assert second.slug.startswith("sam-")
    assert first.name == second.name == "sam"


@pytest.mark.django_db
def test_a_name_without_letters_still_gives_a_slug(alice: User) -> None:
    assert new_team("東京", alice).slug.startswith("team")


def test_a_slug_that_was_asked_for_and_is_taken_is_an_error(alice: User, team: Team) -> None:
    with pytest.raises(IntegrityError):
        new_team("Other", alice, slug=team.slug)
    assert Team.objects.filter(slug=team.slug).get() == team


@pytest.mark.django_db
def test_a_new_team_is_announced_with_its_owner_in_it() -> None:
    heard: list[tuple[Team, list[str]]] = []

    def receiver(team: Team, **_: Any) -> None:
        heard.append((team, [place.user.email for place in team.memberships.all()]))

    with listening(receiver):
        team = open_account(User(email="eve@example.com"))
    assert heard == [(team, ["eve@example.com"])]


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_leaves_neither_team_nor_person() -> None:
    def receiver(**_: Any) -> None:
        raise RuntimeError("no starter set")

    with listening(receiver), pytest.raises(RuntimeError, match="no starter set"):
        open_account(User(email="eve@example.com"))
    assert not User.objects.exists()
    assert not Team.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_first_people_at_once_one_owns_the_site_and_all_are_in() -> None:
    statuses = _at_once([f"person{number}@example.com" for number in range(6)])
    assert statuses == [302] * 6
    assert User.objects.count() == Team.objects.count() == 6
    assert User.objects.filter(is_site_owner=True).count() == 1


@pytest.mark.django_db
def test_a_site_that_got_its_owner_between_look_and_claim_keeps_that_one() -> None:
    """The other sign-up commits just after ours has looked, as it can on a server with many processes."""
    other = User(email="other@example.com")
    open_account(other, may_own_site=False)

    def other_claims(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("SELECT") and "is_site_owner" in sql.partition("WHERE")[2]:
            User.objects.filter(pk=other.pk).update(is_site_owner=True)
        return result

    with connection.execute_wrapper(other_claims):
        team = open_account(User(email="eve@example.com"))
    assert team.personal_of is not None
    assert [user.email for user in User.objects.filter(is_site_owner=True)] == ["other@example.com"]
    assert not team.personal_of.is_site_owner


@pytest.mark.django_db(transaction=True)
def test_one_address_signed_up_many_times_at_once_is_one_person_and_no_error_page() -> None:
    statuses = _at_once(["eve@example.com"] * 6)
    assert set(statuses) <= {200, 302}
    assert User.objects.count() == Team.objects.count() == 1


def _at_once(addresses: list[str]) -> list[int]:
    gate = threading.Barrier(len(addresses))
    statuses: list[int] = []

    def run(email: str) -> None:
        try:
            gate.wait(timeout=10)
            statuses.append(sign_up(Client(), email).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(email,)) for email in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
