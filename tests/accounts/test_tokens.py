"""API tokens: who holds one, when it dies, and how often it may call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from fusion_site.accounts.flows.make_token import revoke_token
from fusion_site.accounts.models import ApiToken, Membership, Team, User
from fusion_site.accounts.tokens import holder, make_token, spend_call


def test_a_token_leads_to_its_person_and_team_and_is_stored_as_a_hash(bob: User, team: Team) -> None:
    token, text = make_token(bob, team, "build server")
    assert text.startswith("fus_")
    assert len(text) == len("fus_") + 43
    found = holder(text)
    assert found is not None
    assert (found.pk, found.user, found.team) == (token.pk, bob, team)
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert text[4:] not in str(row), "only a hash and the last letters are kept"
    assert row["hint"].endswith(text[-4:])


def test_a_stranger_to_the_team_gets_no_token_for_it(charlie: User, team: Team) -> None:
    with pytest.raises(ValueError, match="not in the team"):
        make_token(charlie, team, "")
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("change", [str.upper, str.swapcase, lambda text: text + "x", lambda text: text[:-1]])
def test_a_text_that_is_not_the_token_has_no_holder(bob: User, team: Team, change: object) -> None:
    _, text = make_token(bob, team, "one")
    assert callable(change)
    assert holder(change(text)) is None


def test_leaving_the_team_being_locked_or_revoking_ends_a_token(bob: User, team: Team) -> None:
    _, left = make_token(bob, team, "one")
    place = Membership.objects.get(user=bob, team=team)
    place.delete()
    assert holder(left) is None
    place.save(force_insert=True)

    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert holder(left) is None
    User.objects.filter(pk=bob.pk).update(is_active=True)

    found = holder(left)
    assert found is not None
    assert revoke_token(bob, found.pk)
    assert holder(left) is None


def test_nobody_revokes_the_token_of_another(alice: User, bob: User, team: Team) -> None:
    token, text = make_token(bob, team, "one")
    assert not revoke_token(alice, token.pk)
    assert holder(text) is not None


def test_any_text_costs_one_look_up(
    bob: User, team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, text = make_token(bob, team, "one")
    holder(text)
    for asked in (text, "fus_unknown", "", "x" * 10_000):
        with django_assert_num_queries(1):
            holder(asked)


def test_the_time_of_use_is_noted_at_most_once_a_minute(bob: User, team: Team) -> None:
    token, text = make_token(bob, team, "one")
    holder(text)
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    holder(text)
    token.refresh_from_db()
    assert token.last_used_at == first

    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    holder(text)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_at >= first


def test_a_minute_holds_its_calls_then_gives_one_place_back_at_a_time(
    bob: User, team: Team, settings: Settings
) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 6
    token, _ = make_token(bob, team, "one")
    start = 1_790_000_000.0
    assert [spend_call(token, now=start) for _ in range(6)] == [None] * 6
    assert spend_call(token, now=start) == pytest.approx(10, abs=0.01)
    assert spend_call(token, now=start + 4) == pytest.approx(6, abs=0.01)
    assert spend_call(token, now=start + 10) is None
    assert spend_call(token, now=start + 10) == pytest.approx(10, abs=0.01)
    assert [spend_call(token, now=start + 3600) for _ in range(6)] == [None] * 6
    assert spend_call(token, now=start + 3600) is not None


def test_one_token_does_not_spend_the_calls_of_another(bob: User, team: Team, settings: Settings) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 1
    one, _ = make_token(bob, team, "one")
    two, _ = make_token(bob, team, "two")
    assert spend_call(one) is None
    assert spend_call(one) is not None
    assert spend_call(two) is None


@pytest.mark.django_db(transaction=True)
def test_calls_at_the_same_moment_do_not_share_a_place(bob: User, team: Team, settings: Settings) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 5
    token, _ = make_token(bob, team, "one")
    now = 1_790_000_000.0
    spent: list[float | None] = []
    gate = threading.Barrier(20)

    def call() -> None:
        gate.wait(timeout=10)
        spent.append(spend_call(token, now=now))

    at_once(call, times=20)
    assert len(spent) == 20
    assert spent.count(None) == 5


@pytest.mark.django_db(transaction=True)
def test_a_call_that_lost_its_place_just_before_it_was_counted_is_refused(
    bob: User, team: Team, settings: Settings
) -> None:
    """Another process takes the last place right before this one writes."""
    settings.FUSION_CALLS_PER_MINUTE = 1
    token, _ = make_token(bob, team, "one")
    now = 1_790_000_000.0
    others: list[float | None] = []

    def other_first(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and not others:
            at_once(lambda: others.append(spend_call(token, now=now)), times=1)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(other_first):
        assert spend_call(token, now=now) == pytest.approx(60, abs=0.01)
    assert others == [None]


def at_once(call: Callable[[], None], *, times: int) -> None:
    """Run `call` in threads of their own, each with its own database connection, to the end."""

    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
