"""A team's own sign-in service, tried against a real one on this machine: who gets in, as whom, and who does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import httpx
import jwt
import pytest
from allauth.account.signals import password_reset
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_django import Settings

from fusion_site.accounts.flows.settle_sign_on import settle_sign_on
from fusion_site.accounts.models import AuditEntry, Membership, SignOn, Team, User
from tests.accounts.one_time import code_of
from tests.accounts.sign_in_service import CLIENT_ID, CLIENT_SECRET, SignInService, rsa_key

ClientFor = Callable[[User | None], Client]


@pytest.fixture
def service(settings: Settings) -> Iterator[SignInService]:
    """Give a service that the operator lets teams reach."""
    made = SignInService()
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({f"127.0.0.1:{made.port}"})
    with made.running():
        yield made


@pytest.fixture
def sign_on(service: SignInService, alice: User, team: Team) -> SignOn:
    """Give alice's team's settings for it, under which newcomers are viewers."""
    place = Membership.objects.get(user=alice, team=team)
    return settle_sign_on(
        place, issuer=service.issuer, client_id=CLIENT_ID, secret=CLIENT_SECRET, role="viewer"
    )


def go(client: Client, team: Team, query: str = "") -> str:
    """Leave for the service and give the path by which it leads back."""
    page = client.get(f"/sign-on/{team.pk}/{query}").content.decode()
    link = re.search(r'href="(/sign-on/\w+/go/[^"]+)"', page)
    assert link is not None, page
    there = client.get(unescape(link[1]))
    assert there.status_code == 302, there.content
    back = httpx.get(there["Location"], timeout=30, trust_env=False).headers["Location"]
    return back.removeprefix("http://testserver")


def come(client: Client, team: Team, query: str = "") -> Any:
    """Go there and back, and give the answer."""
    return client.get(go(client, team, query))


def who(client: Client) -> str | None:
    """Give the address of who is signed in."""
    user_id = client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id).email if user_id else None


def test_somebody_new_gets_an_account_and_joins_as_the_owner_chose(team: Team, sign_on: SignOn) -> None:
    client = Client()
    page = come(client, team)
    assert (page.status_code, page["Location"]) == (302, "/")
    frank = User.objects.get(email="frank@example.com")
    assert who(client) == frank.email
    assert not frank.has_usable_password()
    assert not frank.is_site_owner
    assert Membership.objects.get(user=frank, team=team).role == "viewer"
    assert frank.personal_team.slug == "frank"
    assert "Alpha" in client.get("/team/").content.decode(), "they work in that team at once"
    assert AuditEntry.objects.filter(team=team, action="member.joined", actor=frank.email).exists()


def test_the_next_time_it_is_the_same_person_whatever_the_address_says(
    team: Team, sign_on: SignOn, service: SignInService
) -> None:
    come(Client(), team)
    Membership.objects.filter(user__email="frank@example.com", team=team).update(role="editor")
    service.person = {"sub": "p-1", "email": "alice@example.com", "email_verified": True}
    again = Client()
    come(again, team)
    assert who(again) == "frank@example.com"
    assert Membership.objects.get(user__email="frank@example.com", team=team).role == "editor"


@pytest.mark.parametrize("verified", [True, False, None])
def test_an_account_is_not_opened_by_its_address_whoever_stands_by_it(
    verified: bool | None, team: Team, sign_on: SignOn, service: SignInService, charlie: User
) -> None:
    service.person = {"sub": "p-9", "email": "Charlie@example.com", "email_verified": verified}
    client = Client()
    page = come(client, team)
    assert page.status_code == 409
    assert who(client) is None
    assert not SocialAccount.objects.exists()
    assert not Membership.objects.filter(user=charlie, team=team).exists()


def test_who_is_signed_in_links_the_service_and_comes_by_it_from_then_on(
    team: Team, sign_on: SignOn, service: SignInService, charlie: User, client_for: ClientFor
) -> None:
    service.person["email"] = "charlie@work.example"
    here = client_for(charlie)
    assert come(here, team, "?link").status_code == 302
    assert Membership.objects.get(user=charlie, team=team).role == "viewer"
    later = Client()
    come(later, team)
    assert who(later) == charlie.email


def test_a_link_is_not_made_for_nobody(team: Team, sign_on: SignOn, service: SignInService) -> None:
    page = Client().get(f"/sign-on/{team.pk}/?link")
    assert page["Location"] == f"/accounts/login/?next=/sign-on/{team.pk}/%3Flink"
    assert "/authorize" not in service.asked


@pytest.mark.parametrize("query", ["", "?link", "?ticket=", "?link&ticket=0", "?ticket={other}"])
def test_no_other_site_can_send_a_browser_there(
    query: str, team: Team, sign_on: SignOn, service: SignInService, charlie: User, client_for: ClientFor
) -> None:
    """It would sign people in as somebody else, or link somebody else with their account."""
    client, other = client_for(charlie), Client()
    ticket = re.search(r"ticket=(\w+)", other.get(f"/sign-on/{team.pk}/").content.decode())
    assert ticket is not None
    client.get(f"/sign-on/{team.pk}/")
    service.asked.clear()
    page = client.get(f"/sign-on/{team.pk}/go/{query.format(other=ticket[1])}")
    assert page["Location"].startswith(f"/sign-on/{team.pk}/")
    assert service.asked == []


def test_a_ticket_for_signing_in_does_not_link(
    team: Team, sign_on: SignOn, charlie: User, client_for: ClientFor
) -> None:
    client = client_for(charlie)
    ticket = re.search(r"ticket=(\w+)", client.get(f"/sign-on/{team.pk}/").content.decode())
    assert ticket is not None
    page = client.get(f"/sign-on/{team.pk}/go/?ticket={ticket[1]}&link")
    assert page["Location"] == f"/sign-on/{team.pk}/?link"


def test_a_second_factor_is_asked_for_here_as_well(
    team: Team, sign_on: SignOn, service: SignInService
) -> None:
    come(Client(), team)
    secret = generate_totp_secret()
    TOTP.activate(User.objects.get(email="frank@example.com"), secret)
    Membership.objects.filter(user__email="frank@example.com", team=team).delete()
    client = Client()
    assert come(client, team)["Location"] == "/accounts/factors/authenticate/"
    assert who(client) is None
    assert not Membership.objects.filter(user__email="frank@example.com", team=team).exists()
    late = Client()
    come(late, team)
    client.post("/accounts/factors/authenticate/", {"code": code_of(secret)})
    assert who(client) == "frank@example.com"
    assert Membership.objects.filter(user__email="frank@example.com", team=team).exists()
    sign_on.delete()
    assert late.get("/accounts/factors/authenticate/")["Location"] == "/accounts/login/", "it is gone"


def _stale(service: SignInService) -> None:
    service.lies = {"exp": 1_000_000_000, "iat": 1_000_000_000}


def _forged(service: SignInService) -> None:
    service.signs_with = rsa_key()


def _signed_by_secret(service: SignInService) -> None:
    service.algorithm, service.signs_with = "HS256", CLIENT_SECRET  # type: ignore[assignment]


def _unsigned(service: SignInService) -> None:
    service.algorithm, service.signs_with = "none", None  # type: ignore[assignment]


LIES = {
    "stale": _stale,
    "forged": _forged,
    "signed by the secret": _signed_by_secret,
    "unsigned": _unsigned,
    "for another site": lambda service: service.lies.update(aud="somebody else"),
    "for another party": lambda service: service.lies.update(aud=[CLIENT_ID, "b"], azp="b"),
    "by another issuer": lambda service: service.lies.update(iss="https://accounts.example.com"),
    "to another question": lambda service: service.lies.update(nonce="another"),
    "to no question": lambda service: service.lies.update(nonce=None),
    "about nobody": lambda service: service.lies.update(sub=""),
    "of another issuer": lambda service: service.described.update(issuer="https://accounts.example.com"),
    "leading inside": lambda service: service.described.update(jwks_uri="http://169.254.169.254/keys"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The HMAC key is:jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_cannot_be_believed_lets_nobody_in(
    lie: str, team: Team, sign_on: SignOn, service: SignInService
) -> None:
    client = Client()
    back = go(client, team)
    LIES[lie](service)  # type: ignore[no-untyped-call]
    page = client.get(back)
    assert page.status_code == 502
    assert "Signing in at 127.0.0.1 failed" in page.content.decode()
    assert CLIENT_SECRET not in page.content.decode()
    assert who(client) is None
    assert not User.objects.filter(email="frank@example.com").exists()


def test_a_way_back_is_taken_once_and_in_the_browser_that_began_it(
    team: Team, sign_on: SignOn, service: SignInService
) -> None:
    client, other = Client(), Client()
    back = go(client, team)
    assert other.get(back).status_code == 502
    assert "/token" not in service.asked
    assert client.get(back).status_code == 302
    client.post("/accounts/logout/")
    assert client.get(back).status_code == 502
    assert client.get(f"/sign-on/{team.pk}/back/?error=access_denied").status_code == 502


def test_userinfo_fills_in_the_address_but_about_nobody_else(
    team: Team, sign_on: SignOn, service: SignInService
) -> None:
    service.person = {"sub": "p-1"}
    service.userinfo = {"sub": "p-2", "email": "frank@example.com"}
    assert come(Client(), team).status_code == 502
    service.userinfo = {"sub": "p-1", "email": "frank@example.com"}
    client = Client()
    come(client, team)
    assert who(client) == "frank@example.com"


def test_no_address_or_an_unconfirmed_one_opens_no_account(
    team: Team, sign_on: SignOn, service: SignInService
) -> None:
    for person in ({"sub": "p-1", "email": "frank@example.com", "email_verified": False}, {"sub": "p-2"}):
        service.person, service.userinfo = person, {"sub": person["sub"]}
        assert come(Client(), team).status_code == 409
    assert not User.objects.filter(email="frank@example.com").exists()


def settle(client: Client, **fields: str) -> Any:
    """Send the owner's form."""
    typed = {"issuer": "", "client_id": CLIENT_ID, "secret": CLIENT_SECRET, "role": "editor"}
    return client.post("/team/sign-on/", {**typed, **fields})


def test_an_owner_sets_it_up_and_the_secret_is_never_shown(
    alice: User, team: Team, service: SignInService, client_for: ClientFor
) -> None:
    client = client_for(alice)
    assert f"http://testserver/sign-on/{team.pk}/back/" in client.get("/team/sign-on/").content.decode()
    assert settle(client, issuer=service.issuer + "/")["Location"] == "/team/sign-on/"
    row = SignOn.objects.get()
    assert (row.issuer, row.role) == (service.issuer, "editor"), "the issuer as it names itself"
    assert CLIENT_SECRET not in row.sealed_secret
    page = client.get("/team/sign-on/").content.decode()
    assert "s3cret" not in page
    assert not any("s3cret" in str(entry.details) for entry in AuditEntry.objects.all())
    come(Client(), team)
    assert Membership.objects.get(user__email="frank@example.com", team=team).role == "editor"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://127.0.0.1:1",
        "http://169.254.169.254",
        "https://localhost:8000",
        "https://user:password@login.example.com",
        "ftp://login.example.com",
        "https://[::1]",
        "login",
    ],
)
def test_an_address_inside_is_not_asked_and_what_was_typed_stays(
    issuer: str, alice: User, team: Team, service: SignInService, client_for: ClientFor
) -> None:
    page = settle(client_for(alice), issuer=issuer)
    assert page.status_code == 422
    html = page.content.decode()
    assert 'id="id_issuer_error"' in html
    assert f'value="{issuer}"' in html
    assert not SignOn.objects.exists()


def test_a_stored_secret_is_not_sent_elsewhere_and_old_links_do_not_hold_there(
    alice: User,
    team: Team,
    sign_on: SignOn,
    service: SignInService,
    client_for: ClientFor,
    settings: Settings,
) -> None:
    come(Client(), team)
    client = client_for(alice)
    other = SignInService()
    settings.FUSION_PRIVATE_UPSTREAMS |= {f"127.0.0.1:{other.port}"}
    with other.running():
        assert settle(client, issuer=service.issuer, secret="").status_code == 302, "kept where it is for"
        assert SocialAccount.objects.count() == 1
        page = settle(client, issuer=other.issuer, secret="")
        assert page.status_code == 422
        assert 'id="id_secret_error"' in page.content.decode()
        assert SocialAccount.objects.count() == 1
        assert settle(client, issuer=other.issuer).status_code == 302
        assert not SocialAccount.objects.exists()
        stranger = Client()
        assert come(stranger, team).status_code == 409
        assert who(stranger) is None


def test_a_secret_that_was_typed_is_asked_for_again_where_something_else_is_wrong(
    alice: User, client_for: ClientFor
) -> None:
    page = settle(client_for(alice), issuer="https://127.0.0.1:1").content.decode()
    assert "This service will not do" in page
    assert "Type the secret again" in page
    assert CLIENT_SECRET not in page
    assert "Type the secret again" not in settle(client_for(alice), issuer="no", secret="").content.decode()


def test_only_owners_settle_it_and_personal_teams_have_none(
    alice: User, bob: User, dave: User, charlie: User, service: SignInService, client_for: ClientFor
) -> None:
    for person in (bob, dave):
        assert client_for(person).get("/team/sign-on/").status_code == 403
        assert settle(client_for(person), issuer=service.issuer).status_code == 403
        assert client_for(person).post("/team/sign-on/remove/").status_code == 403
    assert settle(client_for(charlie), issuer=service.issuer).status_code == 422
    assert not SignOn.objects.exists()


def test_once_removed_it_lets_nobody_in(
    alice: User, team: Team, sign_on: SignOn, client_for: ClientFor
) -> None:
    back_of_somebody = Client()
    back = go(back_of_somebody, team)
    client_for(alice).post("/team/sign-on/remove/")
    assert back_of_somebody.get(back).status_code == 404
    assert Client().get(f"/sign-on/{team.pk}/").status_code == 404
    assert Client().get(f"/sign-on/{'a' * 24}/go/").status_code == 404


def test_it_is_found_by_the_teams_short_name_and_by_the_domains_that_the_operator_gave(
    team: Team, sign_on: SignOn, settings: Settings, client_for: ClientFor
) -> None:
    settings.FUSION_SIGN_ON_DOMAINS = {"work.example": team.slug}
    for typed in (team.slug, f" {team.slug.upper()} ", "anybody@Work.example"):
        page = Client().post("/sign-on/", {"team": typed, "next": "/runs/"})
        assert page["Location"] == f"/sign-on/{team.pk}/?next=%2Fruns%2F"
    for typed in ("charlie", "no-team", "alice@example.com", "", "@"):
        page = Client().post("/sign-on/", {"team": typed})
        assert page.status_code == 422
        assert 'id="id_team_error"' in page.content.decode()
    assert (
        Client()
        .post("/sign-on/", {"team": team.slug, "next": "https://evil.example/"})["Location"]
        .endswith(f"/sign-on/{team.pk}/")
    )


def test_who_resets_a_password_by_mail_is_rid_of_links_that_others_made(team: Team, sign_on: SignOn) -> None:
    come(Client(), team)
    frank = User.objects.get(email="frank@example.com")
    password_reset.send(sender=User, request=None, user=frank)
    client = Client()
    assert come(client, team).status_code == 409
    assert who(client) is None


def test_a_link_is_cut_where_another_way_in_is_left(team: Team, sign_on: SignOn) -> None:
    client = Client()
    come(client, team)
    assert client.post(f"/sessions/links/{team.pk}/cut/").status_code == 302
    assert SocialAccount.objects.count() == 1, "without a password there would be no way in"
    User.objects.filter(email="frank@example.com").update(password="!")
    frank = User.objects.get(email="frank@example.com")
    frank.set_password("correct horse battery staple")
    frank.save()
    client.force_login(frank)
    page = client.post(f"/sessions/links/{team.pk}/cut/")
    assert page["Location"] == "/accounts/reauthenticate/", "a password is there now, so it is asked for"
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery staple"})
    assert not SocialAccount.objects.exists()


def test_the_service_signs_as_its_keys_say() -> None:
    """The test's own service, so that a fault of it is not taken for one of the site."""
    service = SignInService()
    token = jwt.encode({"sub": "x"}, service.key, algorithm="RS256", headers={"kid": "one"})
    assert jwt.decode(token, jwt.PyJWK(service.keys()["keys"][0]), algorithms=["RS256"]) == {"sub": "x"}
    service._server.server_close()
