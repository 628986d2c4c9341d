"""Webhooks: what is told, signed and tried again, by a clock that the test drives, over real HTTP to a real receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import AuditEntry, Team, User
from fusion_site.pools.reaching import close_providers
from fusion_site.runs.hooks.flows import send as sending
from fusion_site.runs.hooks.flows.send import KEPT_FOR, LEASE, PAUSES, forget_deliveries, send_due
from fusion_site.runs.hooks.models import Delivery, Hook
from fusion_site.runs.models import Run
from tests.api.conftest import Program, program_of
from tests.receiver import Receiver
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, work
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]

PROMPT = "What is the canary's name?"


@pytest.fixture
def receiver(settings: LazySettings, desk: Desk) -> Iterator[Receiver]:
    """Give a receiver that the operator has listed, beside the upstream."""
    found = Receiver()
    settings.FUSION_PRIVATE_UPSTREAMS = settings.FUSION_PRIVATE_UPSTREAMS | {found.host_port}
    yield found
    found.close()


@pytest.fixture
def call(alice: User, desk: Desk, program_of: Callable[[User | None], Program]) -> Program:
    """Give the owner's program."""
    return program_of(alice)


def made(call: Program, receiver: Receiver, **more: Any) -> Any:
    """Make a webhook by REST."""
    return call.made("webhooks", {"name": "Deploys", "url": receiver.url, **more})


def ended(desk: Desk, upstream: Upstream) -> Run:
    """Give a run that has just ended."""
    all_answer(upstream)
    return work(desk.start(PROMPT))


def send(now: datetime) -> int:
    """Do the chore once, as of a moment."""

    async def once() -> int:
        try:
            return await send_due(now)
        finally:
            await close_providers()

    return async_to_sync(once)()


def deliveries(call: Program, hook: str) -> Any:
    """Give what REST tells of a webhook's deliveries."""
    return call("GET", f"webhooks/{hook}/deliveries").json()["items"]


def checked_by(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Check a request as docs/webhooks.md tells receivers to."""
    text = Path("docs/webhooks.md").read_text()
    match = re.search(r"<!-- tested -->\n```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    room: dict[str, Any] = {}
    exec(match[1], room)
    return bool(room["is_from_the_site"](headers, body, secret))


def test_an_end_is_told_signed_and_without_its_texts(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    hook = made(call, receiver)
    run = ended(desk, upstream)
    assert send(timezone.now()) == 1
    (got,) = receiver.got
    told = json.loads(got.body)
    assert (got.path, told["type"], got.headers["content-type"]) == (
        "/in?for=us",
        "run.finished",
        "application/json",
    )
    assert (told["data"]["id"], told["data"]["state"]) == (run.pk, "done")
    assert told["data"]["cost_usd"] is None
    assert PROMPT.encode() not in got.body
    assert b"bea" not in got.body
    assert checked_by(got.headers, got.body, hook["secret"])
    assert not checked_by(got.headers, got.body + b" ", hook["secret"])
    late = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 301)}
    assert not checked_by(late, got.body, hook["secret"])
    (delivery,) = deliveries(call, hook["id"])
    assert (delivery["id"], delivery["state"], delivery["status"], delivery["run"]) == (
        got.headers["webhook-id"],
        "delivered",
        204,
        run.pk,
    )
    assert send(timezone.now() + timedelta(days=1)) == 0
    assert hook["secret"] not in json.dumps(call("GET", "webhooks").json())


def test_texts_go_where_an_owner_has_chosen_so_and_not_of_a_deleted_run(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    made(call, receiver, with_prompt=True, with_answer=True)
    run = ended(desk, upstream)
    receiver.status = 503
    now = timezone.now()
    send(now)
    data = json.loads(receiver.got[0].body)["data"]
    assert (data["prompt"], data["fused"]["source"]) == (PROMPT, "best_of")
    assert "bea" in data["fused"]["text"]
    assert call("DELETE", f"runs/{run.pk}").status_code == 204
    send(now + LEASE)
    data = json.loads(receiver.got[1].body)["data"]
    assert (data["id"], data["prompt"], data["fused"]) == (run.pk, None, None)


def test_what_is_not_taken_is_sent_again_for_a_day_with_the_same_id(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    hook = made(call, receiver)
    ended(desk, upstream)
    receiver.status = 500
    now = timezone.now()
    for pause in PAUSES:
        assert send(now) == 1
        (waiting,) = deliveries(call, hook["id"])
        assert (waiting["state"], waiting["error"]) == ("waiting", "The receiver answered 500.")
        assert send(now + pause - timedelta(seconds=1)) == 0
        now += pause
    assert timedelta(hours=23) < sum(PAUSES, timedelta()) < timedelta(hours=25)
    assert send(now) == 1
    (given_up,) = deliveries(call, hook["id"])
    assert (given_up["state"], given_up["attempts"], given_up["next_at"]) == ("failed", 10, None)
    assert send(now + timedelta(days=2)) == 0
    assert {got.headers["webhook-id"] for got in receiver.got} == {given_up["id"]}
    assert len({got.body for got in receiver.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == 10
    assert all(checked_at_its_time(got, hook["secret"]) for got in receiver.got)


def checked_at_its_time(got: Any, secret: str) -> bool:
    """Check a request of another time by the signature alone."""
    return bool(got.headers["webhook-signature"] == signature_of(got, secret))


def signature_of(got: Any, secret: str) -> str:
    """Give the signature that a request should have by a secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}"


def test_a_receiver_that_fails_for_days_is_turned_off_and_its_owners_are_told(
    desk: Desk,
    upstream: Upstream,
    call: Program,
    receiver: Receiver,
    settings: LazySettings,
    mailoutbox: list[EmailMessage],
) -> None:
    settings.FUSION_SENDS_MAIL = True
    hook = made(call, receiver)
    receiver.status = 500
    ended(desk, upstream)
    now = timezone.now()
    send(now)
    ended(desk, upstream)
    later = now + timedelta(days=2, hours=23)
    send(later)
    assert call("GET", f"webhooks/{hook['id']}").json()["is_on"]
    send(later + timedelta(hours=2))
    told = call("GET", f"webhooks/{hook['id']}").json()
    assert (told["is_on"], told["off_because"]) == (False, "Nothing was taken for 3 days.")
    assert [mail.to for mail in mailoutbox] == [["alice@example.com"]]
    assert f"/team/webhooks/{hook['id']}/" in mailoutbox[0].body
    assert AuditEntry.objects.filter(action="webhook.disabled", actor="").count() == 1
    assert {each["state"] for each in deliveries(call, hook["id"])} == {"failed"}
    ended(desk, upstream)
    assert len(deliveries(call, hook["id"])) == 2
    receiver.status = 200
    assert call("PATCH", f"webhooks/{hook['id']}", {"is_on": True}).json()["off_because"] is None
    ended(desk, upstream)
    assert send(timezone.now()) == 1


def test_one_that_is_taken_in_between_begins_the_days_anew_and_410_ends_them(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    hook = made(call, receiver)
    ended(desk, upstream)
    receiver.status = 500
    now = timezone.now()
    send(now)
    assert call("GET", f"webhooks/{hook['id']}").json()["failing_since"]
    receiver.status = 200
    send(now + LEASE)
    assert call("GET", f"webhooks/{hook['id']}").json()["failing_since"] is None
    ended(desk, upstream)
    receiver.status = 410
    send(now + timedelta(days=9))
    told = call("GET", f"webhooks/{hook['id']}").json()
    assert (told["is_on"], told["off_because"]) == (False, "The receiver answered 410: it wants no more.")


def test_a_redirect_is_not_followed_and_the_teams_rules_hold(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver, team: Team
) -> None:
    hook = made(call, receiver)
    ended(desk, upstream)
    receiver.status = 307
    now = timezone.now()
    send(now)
    assert [got.path for got in receiver.got] == ["/in?for=us"]
    assert "not followed" in deliveries(call, hook["id"])[0]["error"]
    Team.objects.filter(pk=team.pk).update(local_only=True)
    send(now + LEASE)
    assert len(receiver.got) == 1
    assert "local only" in deliveries(call, hook["id"])[0]["error"]
    assert call("POST", "webhooks", {"name": "B", "url": receiver.url}).status_code == 422


def test_an_address_that_resolves_to_a_private_one_is_not_connected_to(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    hook = made(call, receiver)
    Hook.objects.update(url="https://localhost/in")
    ended(desk, upstream)
    send(timezone.now())
    (delivery,) = deliveries(call, hook["id"])
    assert (delivery["state"], delivery["status"]) == ("waiting", None)
    assert "No connection to localhost" in delivery["error"]


def test_who_is_killed_while_sending_leaves_it_to_others_with_the_same_id(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = made(call, receiver)
    ended(desk, upstream)
    now = timezone.now()
    with monkeypatch.context() as patched:
        patched.setattr(sending, "_settled", killed)
        with pytest.raises(SystemError):
            send(now)
    assert send(now + LEASE - timedelta(seconds=1)) == 0
    assert send(now + LEASE) == 1
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    assert deliveries(call, hook["id"])[0]["state"] == "delivered"


def test_of_two_processes_that_see_the_same_one_sends_it(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(call, receiver)
    ended(desk, upstream)
    take = sending._is_mine

    def take_late(delivery: Delivery, now: datetime) -> bool:
        assert take(Delivery.objects.get(pk=delivery.pk), now)  # the other process
        return take(delivery, now)

    monkeypatch.setattr(sending, "_is_mine", take_late)
    assert send(timezone.now()) == 0
    assert receiver.got == []


def killed(*_: Any) -> None:
    """Be killed after the answer and before it is kept."""
    raise SystemError


def test_one_that_cannot_be_made_keeps_no_other_from_being_sent(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver
) -> None:
    hooks = [made(call, receiver)["id"] for _ in range(3)]
    run = ended(desk, upstream)
    Hook.objects.filter(pk=hooks[0]).update(sealed_secret="gibberish")
    send(timezone.now())
    assert len(receiver.got) == 2
    assert "cannot be opened" in deliveries(call, hooks[0])[0]["error"]
    run.events.all().delete()
    send(timezone.now() + LEASE)
    assert "deleted for good" in deliveries(call, hooks[0])[0]["error"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "required"),
        ("ftp://a.example/", "https://"),
        ("http://a.example/in", "https"),
        ("https://a.example:8443/in", "443"),
        ("https://127.0.0.1/in", "private"),
        ("https://user:pw@a.example/in", "user names"),
        ("https://a.example/in#x", "#"),
        ("https://a.example/ü", "ASCII"),
    ],
)
def test_an_address_that_may_not_be_is_refused_beside_its_field(
    call: Program, url: str | None, said: str
) -> None:
    answer = call("POST", "webhooks", {"name": "A", "url": url})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["fields"]["url"][0]
    assert Hook.objects.count() == 0


def test_an_owner_makes_tests_changes_and_deletes_one_on_its_pages(
    alice: User, client_for: Callable[[User], Client], receiver: Receiver, call: Program
) -> None:
    browser = client_for(alice)
    wrong = browser.post(
        "/team/webhooks/", {"name": "Deploys", "url": "http://a.example", "with_prompt": "on"}
    )
    assert wrong.status_code == 422
    page = wrong.content.decode()
    assert "so this has to be https" in page
    assert 'value="http://a.example"' in page
    page = browser.post("/team/webhooks/", {"name": "Deploys", "url": receiver.url}).content.decode()
    secret = re.search(r"whsec_[\w+/=]+", page)
    assert secret is not None
    hook = Hook.objects.get()
    address = f"/team/webhooks/{hook.pk}/"
    browser.post(f"{address}test/")
    assert 'hx-trigger="every 2s"' in browser.get(address).content.decode()
    send(timezone.now())
    assert json.loads(receiver.got[0].body) == {
        "type": "test",
        "timestamp": Delivery.objects.get().created_at.isoformat(),
        "data": {"webhook": "Deploys"},
    }
    page = browser.get(address).content.decode()
    assert "The receiver answered 204." in page
    assert secret[0] not in page
    browser.post(address, {"name": "Renamed", "url": receiver.url})
    hook.refresh_from_db()
    assert (hook.name, hook.is_on) == ("Renamed", False)
    assert browser.get("/team/webhooks/").content.decode().count(">Renamed</a>") == 1
    browser.post(f"{address}delete/")
    assert Hook.objects.count() == 0
    trail = AuditEntry.objects.filter(kind="webhook").order_by("pk").values_list("action", flat=True)
    assert list(trail) == ["webhook.created", "webhook.tested", "webhook.changed", "webhook.deleted"]


def test_secrets_are_sealed_anew_and_old_deliveries_go(
    desk: Desk, upstream: Upstream, call: Program, receiver: Receiver, settings: LazySettings
) -> None:
    hook = made(call, receiver)
    settings.FUSION_SEALING_KEYS = [Fernet.generate_key().decode(), *settings.FUSION_SEALING_KEYS]
    call_command("rotatekeys")
    settings.FUSION_SEALING_KEYS = settings.FUSION_SEALING_KEYS[:1]
    ended(desk, upstream)
    now = timezone.now()
    send(now)
    assert checked_by(receiver.got[0].headers, receiver.got[0].body, hook["secret"])
    assert forget_deliveries(now + KEPT_FOR) == 1
    assert forget_deliveries(now + KEPT_FOR) == 0
