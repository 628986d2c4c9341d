"""Joining a team by a link: who may make one, whom it lets in, and that a dead one is like none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import AuditEntry, Invitation, Membership, Team, User
from tests.accounts.test_people import text_of
from tests.api.conftest import Program

ClientFor = Callable[[User | None], Client]
ProgramOf = Callable[[User | None], Program]
PASSWORD = "correct horse battery staple"


def link_of(answer: Any) -> str:
    """Give the path of the link on the page that has just made it."""
    found = re.search(r'id="made-link"[^>]*>https?://[^/<]+(/join/[\w-]+/)<', answer.content.decode())
    assert found is not None, answer.content.decode()
    return found[1]


def make(client: Client, **fields: str) -> str:
    """Make an invitation on the page and give its link."""
    return link_of(client.post("/team/invitations/", {"role": "editor", "days": "7", **fields}))


def role_in(team: Team, person: User) -> str | None:
    """Give somebody's role, if they are in the team."""
    return Membership.objects.filter(team=team, user=person).values_list("role", flat=True).first()


def test_a_link_lets_one_person_in_and_is_kept_as_a_hash_only(
    team: Team, alice: User, bob: User, charlie: User, client_for: ClientFor
) -> None:
    link = make(client_for(alice), role="viewer")
    token = link.split("/")[2]
    kept = Invitation.objects.get()
    assert (kept.digest, len(token)) == (hashlib.sha256(token.encode()).hexdigest(), 43)
    assert token not in client_for(alice).get("/team/").content.decode()
    charlies = client_for(charlie)
    page = charlies.get(link, follow=True)
    assert page.redirect_chain == [("/join/", 302)]
    assert "Join Alpha" in page.content.decode()
    assert role_in(team, charlie) is None
    assert charlies.post("/join/", follow=True).context["team"] == team
    assert role_in(team, charlie) == "viewer"
    assert Client().get(link).status_code == 404
    told = str(list(AuditEntry.objects.values()))
    assert token not in told
    assert "member.joined" in told


def test_a_new_person_signs_up_on_the_way_also_where_sign_up_is_closed(
    team: Team, alice: User, client_for: ClientFor, settings: Any
) -> None:
    settings.FUSION_SIGNUP = False
    assert "Sign-up is closed" in Client().get("/accounts/signup/").content.decode()
    visitor = Client()
    visitor.get(make(client_for(alice)))
    way = re.search(r'href="(/accounts/signup/[^"]*)"', visitor.get("/join/").content.decode())
    assert way is not None
    typed = {"email": "eve@example.com", "password1": PASSWORD, "next": "/join/"}
    page = visitor.post(way[1], typed, follow=True)
    assert page.redirect_chain[-1][0] == "/join/"
    visitor.post("/join/")
    assert role_in(team, User.objects.get(email="eve@example.com")) == "editor"


def test_closed_sign_up_lets_nobody_in_by_a_dead_invitation(
    team: Team, alice: User, client_for: ClientFor, settings: Any
) -> None:
    settings.FUSION_SIGNUP = False
    visitor = Client()
    visitor.get(make(client_for(alice)))
    Invitation.objects.update(revoked_at=timezone.now())
    visitor.post("/accounts/signup/", {"email": "eve@example.com", "password1": PASSWORD})
    assert not User.objects.filter(email="eve@example.com").exists()


def test_a_dead_one_looks_like_a_guess(team: Team, alice: User, charlie: User, client_for: ClientFor) -> None:
    alices = client_for(alice)
    revoked, expired, used, closed = (make(alices) for _ in range(4))
    by_age = list(Invitation.objects.order_by("made_at"))
    alices.post(f"/team/invitations/{by_age[0].pk}/revoke/")
    past = timezone.now() - timedelta(seconds=1)
    Invitation.objects.filter(pk=by_age[1].pk).update(expires_at=past)
    Invitation.objects.filter(pk=by_age[2].pk).update(uses=1)
    charlies = client_for(charlie)
    charlies.get(closed)
    Team.objects.filter(pk=team.pk).update(removal_at=timezone.now())
    guess = charlies.get("/join/" + "x" * 43 + "/")
    assert guess.status_code == 404
    for link in (revoked, expired, used, closed):
        answer = charlies.get(link)
        assert (answer.status_code, text_of(answer)) == (404, text_of(guess))
    assert charlies.post("/join/").status_code == 404
    assert role_in(team, charlie) is None


def test_one_for_many_lets_many_in_and_counts(
    team: Team, alice: User, charlie: User, client_for: ClientFor
) -> None:
    link = make(client_for(alice), many="on")
    other = User.objects.create_user("erin@example.com")
    for person in (charlie, other, charlie):
        client = client_for(person)
        client.get(link)
        client.post("/join/")
    assert (role_in(team, charlie), role_in(team, other)) == ("editor", "editor")
    assert Invitation.objects.get().uses == 2


def test_who_is_in_already_keeps_their_role_and_uses_nothing_up(
    team: Team, alice: User, dave: User, client_for: ClientFor
) -> None:
    link = make(client_for(alice), role="editor")
    daves = client_for(dave)
    assert "You are in this team already" in daves.get(link, follow=True).content.decode()
    daves.post("/join/")
    assert (role_in(team, dave), Invitation.objects.get().uses) == ("viewer", 0)


def test_one_for_an_address_is_for_nobody_else(
    team: Team, alice: User, charlie: User, client_for: ClientFor
) -> None:
    link = make(client_for(alice), email="Erin@Example.com")
    charlies = client_for(charlie)
    assert "you are signed in as charlie@example.com" in charlies.get(link, follow=True).content.decode()
    assert charlies.post("/join/").status_code == 409
    erin = User.objects.create_user("erin@example.com")
    erins = client_for(erin)
    erins.get(link)
    erins.post("/join/")
    assert (role_in(team, charlie), role_in(team, erin)) == (None, "editor")


@pytest.mark.parametrize("works", [True, False])
def test_it_goes_by_mail_where_the_site_sends_any(
    works: bool,
    team: Team,
    alice: User,
    client_for: ClientFor,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FUSION_SENDS_MAIL = True
    if not works:

        def fail(*_: object, **__: object) -> None:
            raise SMTPServerDisconnected("gone")

        monkeypatch.setattr("django.core.mail.message.EmailMessage.send", fail)
    page = client_for(alice).post(
        "/team/invitations/", {"email": "erin@example.com", "role": "viewer", "days": "3"}
    )
    text = page.content.decode()
    assert ("was mailed to erin@example.com" in text) is works
    assert ("did not take the mail" in text) is not works
    assert (Invitation.objects.get().mailed_at is not None) is works
    if works:
        (sent,) = mail.outbox
        assert sent.to == ["erin@example.com"]
        assert link_of(page) in str(sent.body)


def test_without_mail_the_page_says_to_hand_the_link_over(
    team: Team, alice: User, client_for: ClientFor
) -> None:
    page = client_for(alice).post(
        "/team/invitations/", {"email": "erin@example.com", "role": "viewer", "days": "3"}
    )
    assert "This site sends no mail, so give the link to erin@example.com yourself." in page.content.decode()
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"role": "owner"}, "role"),
        ({"days": "0"}, "days"),
        ({"days": "soon"}, "days"),
        ({"email": "nobody"}, "email"),
        ({"email": "alice@example.com"}, "email"),
        ({"email": "erin@example.com", "many": "on"}, "many"),
    ],
)
def test_what_will_not_do_is_said_beside_its_field(
    typed: dict[str, str], field: str, team: Team, alice: User, client_for: ClientFor
) -> None:
    answer = client_for(alice).post("/team/invitations/", {"role": "viewer", "days": "7", **typed})
    assert answer.status_code == 422
    assert list(answer.context["invite_form"].errors) == [field]
    assert not Invitation.objects.exists()


def test_only_owners_invite(
    team: Team, alice: User, bob: User, charlie: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    make(client_for(alice))
    path = f"/team/invitations/{Invitation.objects.get().pk}/revoke/"
    assert client_for(bob).post("/team/invitations/", {"role": "viewer", "days": "7"}).status_code == 403
    assert client_for(bob).post(path).status_code == 403
    assert client_for(charlie).post(path).status_code == 404
    assert "Invite people" not in client_for(bob).get("/team/").content.decode()
    bobs = program_of(bob)
    assert [bobs(method, "team/invitations", {}).status_code for method in ("GET", "POST")] == [403, 403]
    assert Invitation.objects.good().count() == 1


def test_programs_invite_and_take_back(
    team: Team, charlie: User, call: Program, client_for: ClientFor
) -> None:
    made = call.made("team/invitations", {"role": "viewer", "days": 2})
    assert made["url"].startswith("http://127.0.0.1:8000/join/")
    (listed,) = call("GET", "team/invitations").json()["items"]
    assert listed == {name: value for name, value in made.items() if name != "url"}
    refused = call("POST", "team/invitations", {"days": 1000, "role": "owner"})
    assert (refused.status_code, sorted(refused.json()["error"]["fields"])) == (422, ["days", "role"])
    assert call("DELETE", f"team/invitations/{made['id']}").status_code == 204
    assert call("DELETE", "team/invitations/nosuch").status_code == 404
    assert client_for(charlie).get(made["url"].partition(":8000")[2]).status_code == 404
