"""`manage.py createtoken`: what it prints, what it makes and what it refuses."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from fusion_site.accounts.models import ApiToken, Membership, Role, Team, User
from fusion_site.accounts.tokens import holder


def createtoken(*arguments: str) -> str:
    """Run the command and give what it printed."""
    out = io.StringIO()
    call_command("createtoken", *arguments, stdout=out)
    return out.getvalue()


def held(printed: str) -> ApiToken:
    """Give the token that the command printed, and nothing but it."""
    text = printed.removesuffix("\n")
    assert text == text.strip()
    token = holder(text)
    assert token is not None
    return token


def test_it_prints_a_token_of_the_personal_team_and_nothing_else(bob: User) -> None:
    token = held(createtoken("BOB@example.com"))
    assert (token.user, token.team) == (bob, bob.personal_team)


@pytest.mark.django_db
def test_create_makes_a_person_who_cannot_sign_in_and_does_not_own_the_site() -> None:
    token = held(createtoken("eve@example.com", "--create", "--name", "nightly"))
    assert token.name == "nightly"
    assert token.team == token.user.personal_team
    assert not token.user.has_usable_password()
    assert not token.user.is_site_owner
    again = held(createtoken("eve@example.com", "--create"))
    assert again.user == token.user


def test_team_adds_the_person_first(charlie: User, team: Team) -> None:
    token = held(createtoken("charlie@example.com", "--team", team.slug, "--role", "viewer"))
    assert (token.user, token.team) == (charlie, team)
    assert Membership.objects.get(user=charlie, team=team).role == Role.VIEWER


def test_a_named_role_replaces_the_one_held_and_no_role_keeps_it(bob: User, team: Team) -> None:
    createtoken("bob@example.com", "--team", team.slug)
    assert Membership.objects.get(user=bob, team=team).role == Role.EDITOR
    createtoken("bob@example.com", "--team", team.slug, "--role", "viewer")
    assert Membership.objects.get(user=bob, team=team).role == Role.VIEWER


@pytest.mark.django_db
def test_create_makes_the_team_too_with_the_person_as_its_owner_or_in_the_named_role() -> None:
    first = held(createtoken("eve@example.com", "--create", "--team", "research"))
    assert first.team.slug == "research"
    assert Membership.objects.get(user=first.user, team=first.team).role == Role.OWNER
    second = held(createtoken("sam@example.com", "--create", "--team", "lab", "--role", "editor"))
    assert Membership.objects.get(user=second.user, team=second.team).role == Role.EDITOR


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody@example.com"], "there is no person nobody@example.com; --create makes one"),
        (["not an address", "--create"], "is not an e-mail address"),
        (["charlie@example.com", "--team", "nowhere"], "there is no team nowhere; --create makes one"),
        (["charlie@example.com", "--create", "--team", "no slug"], "is not a slug"),
        (["charlie@example.com", "--role", "owner"], "--role needs --team"),
        (["charlie@example.com", "--team", "alpha", "--role", "king"], "invalid choice"),
        (["charlie@example.com", "--name", " "], "--name must not be empty"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_left_behind(
    arguments: list[str], message: str, charlie: User, team: Team
) -> None:
    before = (User.objects.count(), Team.objects.count(), Membership.objects.count())
    with pytest.raises(CommandError, match=message):
        createtoken(*arguments)
    assert (User.objects.count(), Team.objects.count(), Membership.objects.count()) == before
    assert not ApiToken.objects.exists()


def test_a_locked_person_gets_no_token(charlie: User) -> None:
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    with pytest.raises(CommandError, match="is locked"):
        createtoken("charlie@example.com")


@pytest.mark.django_db(transaction=True)
def test_a_failure_on_the_way_leaves_no_person(alice: User) -> None:
    with pytest.raises(CommandError):
        createtoken("eve@example.com", "--create", "--team", "no slug")
    assert not User.objects.filter(email="eve@example.com").exists()


def test_scopes_and_days_are_taken_as_they_are_given(bob: User) -> None:
    token = held(createtoken("bob@example.com", "--scopes", "read, run", "--days", "7"))
    assert token.scopes == ["run", "read"]
    assert token.expires_at is not None
    assert timedelta(days=6) < token.expires_at - timezone.now() < timedelta(days=8)
    everything = held(createtoken("bob@example.com"))
    assert everything.scopes == ["run", "read", "manage"]


@pytest.mark.parametrize(
    "odd", [("--scopes", "write"), ("--scopes", ","), ("--days", "0"), ("--days", "9999")]
)
def test_odd_scopes_and_days_make_no_token(odd: tuple[str, str], bob: User) -> None:
    with pytest.raises(CommandError, match=odd[0]):
        createtoken("bob@example.com", *odd)
    assert not ApiToken.objects.exists()
