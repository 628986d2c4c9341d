"""A webhook's new secret: shown once, and the old one signs as well for a day, by a clock that the test drives."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import AuditEntry, User
from fusion_site.runs.hooks.flows.renew_secret import MOST_OLD, forget_secrets
from fusion_site.runs.hooks.models import Hook, OldSecret
from tests.api.conftest import Program, program_of
from tests.receiver import Receiver
from tests.runs.conftest import Desk
from tests.runs.test_hooks import call, checked_by, ended, made, receiver, send, signature_of
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["call", "program_of", "receiver"]


def signed_by(got: Any, secrets: list[str]) -> bool:
    """Whether a request of any time carries the signatures of these secrets, in this order, and no other."""
    return bool(got.headers["webhook-signature"] == " ".join(signature_of(got, secret) for secret in secrets))


def renewed(call: Program, hook: str) -> Any:
    """Give a webhook a new secret by REST."""
    return call.made(f"webhooks/{hook}/secret", {})


def test_for_a_day_what_is_told_is_signed_with_the_old_secret_as_well(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    hook = made(call, receiver)
    assert hook["old_secret_until"] is None
    before, fresh = timezone.now(), renewed(call, hook["id"])
    over = datetime.fromisoformat(fresh["old_secret_until"])
    assert before <= over - timedelta(hours=24) <= timezone.now()
    assert (fresh["id"], fresh["secret"] != hook["secret"]) == (hook["id"], True)
    ended(desk, upstream)
    send(timezone.now())
    (first,) = receiver.got
    for secret in (hook["secret"], fresh["secret"]):
        assert checked_by(first.headers, first.body, secret)
    assert signed_by(first, [fresh["secret"], hook["secret"]])
    for moment, secrets in (
        (over - timedelta(seconds=1), [fresh["secret"], hook["secret"]]),
        (over, [fresh["secret"]]),
    ):
        ended(desk, upstream)
        assert send(moment) == 1
        assert signed_by(receiver.got[-1], secrets)
    told = call("GET", f"webhooks/{hook['id']}").json()
    assert told == {name: value for name, value in fresh.items() if name != "secret"}
    trail = AuditEntry.objects.filter(action="webhook.secret_renewed").values_list("actor", "object_name")
    assert list(trail) == [("alice@example.com", "Deploys")]


def test_each_old_secret_has_its_own_day_and_is_forgotten_after_it(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    """Who makes two in a row has not put the first of them anywhere: the receiver still has the one before."""
    hook = made(call, receiver)
    told = [hook, *(renewed(call, hook["id"]) for _ in range(MOST_OLD))]
    secrets = [each["secret"] for each in reversed(told)]
    refused = call("POST", f"webhooks/{hook['id']}/secret", {})
    assert (refused.status_code, refused.json()["error"]["fields"].keys()) == (422, {"secret"})
    first_over, second_over = (datetime.fromisoformat(each["old_secret_until"]) for each in told[1:3])
    for moment, used in ((first_over - timedelta(seconds=1), secrets), (first_over, secrets[:-1])):
        ended(desk, upstream)
        send(moment)
        assert signed_by(receiver.got[-1], used)
    assert (forget_secrets(first_over), forget_secrets(first_over)) == (1, 0)
    assert forget_secrets(second_over) == 1
    assert renewed(call, hook["id"])["secret"] not in secrets


def test_old_secrets_are_sealed_anew_and_one_that_nothing_opens_is_in_nobodys_way(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver, settings: LazySettings
) -> None:
    hook = made(call, receiver)
    fresh = renewed(call, hook["id"])
    settings.FUSION_SEALING_KEYS = [Fernet.generate_key().decode(), *settings.FUSION_SEALING_KEYS]
    call_command("rotatekeys")
    settings.FUSION_SEALING_KEYS = settings.FUSION_SEALING_KEYS[:1]
    ended(desk, upstream)
    send(timezone.now())
    assert signed_by(receiver.got[-1], [fresh["secret"], hook["secret"]])

    settings.FUSION_SEALING_KEYS = [Fernet.generate_key().decode()]  # the old ones were lost
    last = renewed(call, hook["id"])
    ended(desk, upstream)
    send(timezone.now())
    assert signed_by(receiver.got[-1], [last["secret"]])
    assert OldSecret.objects.count() == 1


def test_an_owner_gets_a_new_secret_on_the_page_and_nobody_else_does(
    alice: User,
    bob: User,
    client_for: Callable[[User], Client],
    call: Program,
    receiver: Receiver,
) -> None:
    hook = made(call, receiver)
    address = f"/team/webhooks/{hook['id']}/"
    assert client_for(bob).post(f"{address}secret/").status_code == 403
    browser = client_for(alice)
    assert f'action="{address}secret/"' in browser.get("/team/webhooks/").content.decode()
    page = browser.post(f"{address}secret/").content.decode()
    shown = re.search(r"whsec_[\w+/=]+", page)
    assert shown is not None
    assert shown[0] != hook["secret"]
    until = Hook.objects.get().old_secret_until
    assert until is not None
    later = browser.get(address).content.decode()
    assert f"until {until:%-d %b %Y, %H:%M} UTC with the old one as well" in later
    assert shown[0] not in later
    for _ in range(MOST_OLD - 1):
        browser.post(f"{address}secret/")
    too_many = browser.post(f"{address}secret/", follow=True).content.decode()
    assert "4 times within 24 hours" in too_many
    assert "whsec_" not in too_many
