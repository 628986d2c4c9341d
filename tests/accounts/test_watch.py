"""Watching over listeners costs the same few queries however many they are, and none when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from fusion_site.accounts import watch
from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import Membership, Team, User
from fusion_site.accounts.passes import Pass, places_of
from fusion_site.accounts.tokens import make_token
from fusion_site.ops import rounds


def session_of(user: User) -> str:
    """Sign somebody in and give the session's key."""
    client = Client()
    client.force_login(user)
    return client.session.session_key or ""


def test_a_hundred_listeners_take_as_many_queries_as_two(
    team: Team, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    token, _ = make_token(bob, team, "one")
    passes = [Pass(alice.pk, team.pk, session=session_of(alice)) for _ in range(100)]
    passes.append(Pass(bob.pk, team.pk, token=token.pk))
    with django_assert_num_queries(3):
        places = places_of(passes)
    assert {(p.user, place.role) for p, place in places.items()} == {(alice.pk, "owner"), (bob.pk, "editor")}


def test_a_pass_is_good_only_as_what_it_was_given_for(team: Team, alice: User, bob: User) -> None:
    token, _ = make_token(bob, team, "one")
    session = session_of(bob)
    bad = [
        Pass(bob.pk, team.pk),
        Pass(bob.pk, team.pk, session="nosuchsession"),
        Pass(bob.pk, team.pk, token="nosuchtoken"),
        Pass(alice.pk, team.pk, session=session),
        Pass(bob.pk, alice.personal_team.pk, session=session),
    ]
    assert places_of(bad) == {}
    assert (
        len(places_of([Pass(bob.pk, team.pk, session=session), Pass(bob.pk, team.pk, token=token.pk)])) == 2
    )


def test_a_session_does_not_outlive_the_password_it_was_begun_with(team: Team, bob: User) -> None:
    given = Pass(bob.pk, team.pk, session=session_of(bob))
    assert places_of([given])
    bob.set_password("another password")
    bob.save()
    assert not places_of([given])


def test_a_session_that_ran_out_is_none(team: Team, bob: User) -> None:
    given = Pass(bob.pk, team.pk, session=session_of(bob))
    Session.objects.filter(pk=given.session).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not places_of([given])


@pytest.mark.django_db(transaction=True)
def test_what_waits_is_ended_and_nobody_looks_any_more(
    team: Team, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LOOK_S", 0.02)
    token, _ = make_token(bob, team, "one")
    place = membership_in(bob, team.pk)
    assert place is not None
    closed = []

    async def source() -> AsyncGenerator[str, None]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def listen() -> list[str]:
        heard, others = [], asyncio.all_tasks()
        async with asyncio.timeout(10):
            async for item in watch.while_good(Pass(bob.pk, team.pk, token=token.pk), place, source()):
                heard.append(item)
                await sync_to_async(Membership.objects.filter(user=bob, team=team).delete)()
            # A task that was cancelled ends at the loop's next turn, or the one after: it may have been looking.
            while asyncio.all_tasks() != others:
                await asyncio.sleep(0)
        return heard

    assert async_to_sync(listen)() == ["first"]
    assert closed == [True]
