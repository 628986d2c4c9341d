"""The sign-in services of teams: which one is meant, and what is needed to ask it."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.urls import reverse

from fusion_site.accounts.ids import ID_LENGTH
from fusion_site.accounts.models import SignOn, User
from fusion_site.accounts.openid import Claims, Client, Question, Service, Unbelievable, describe, redeem
from fusion_site.accounts.sealing import SealBroken, SealContext, origin_of, unseal


def sign_on_at(sign_on_id: str) -> SignOn | None:
    """Give the service with that id, of a team that is open."""
    if len(sign_on_id) != ID_LENGTH:
        return None
    return SignOn.objects.select_related("team").filter(pk=sign_on_id, team__removal_at=None).first()


def sign_on_for(typed: str) -> SignOn | None:
    """Give the service for a team's short name, or for an e-mail address whose domain the operator gave to a team."""
    word = typed.strip().lower()
    domain = word.rpartition("@")[2] if "@" in word else None
    slug = word if domain is None else settings.FUSION_SIGN_ON_DOMAINS.get(domain)
    return SignOn.objects.select_related("team").filter(team__slug=slug, team__removal_at=None).first()


def services_of(user: User) -> list[SignOn]:
    """Give the services of the person's teams, each with `is_linked`."""
    linked = SocialAccount.objects.filter(user=user, provider=OuterRef("pk"))
    rows = SignOn.objects.select_related("team").annotate(is_linked=Exists(linked))
    return list(rows.filter(team__memberships__user=user, team__removal_at=None).order_by("team__name"))


def plain_sign_on(row: SignOn) -> dict[str, str]:
    """Give what owners see of their service, by field; nothing of one that is not set up."""
    return {"issuer": row.issuer, "client_id": row.client_id, "role": row.role} if row.issuer else {}


class TeamService(OpenIDConnectProvider):  # type: ignore[misc]  # allauth ships no types
    """A team's service, which a suspended sign-in finds again by its id."""

    def serialize(self) -> dict[str, str]:
        """Give what `SignOnAdapter.get_provider` needs."""
        return {"id": self.sub_id}


def provider_of(request: HttpRequest | None, sign_on: SignOn) -> TeamService:
    """Give the service as allauth knows services. It makes no requests: they are all made by `openid`."""
    app = SocialApp(
        provider="openid_connect",
        provider_id=sign_on.pk,
        name=sign_on.team.name,
        client_id=sign_on.client_id,
        settings={"server_url": sign_on.issuer},
    )
    return TeamService(request, app=app)


def service_at(issuer: str) -> Service:
    """Give the service at an issuer's address as it describes itself now; raises Unbelievable."""
    return async_to_sync(describe)(issuer, settings.FUSION_PRIVATE_UPSTREAMS)


def client_of(request: HttpRequest, sign_on: SignOn) -> Client:
    """Give this site as the service knows it; raises Unbelievable where the secret has to be typed again."""
    try:
        secret = unseal(sign_on.sealed_secret, context=seal_context(sign_on))
    except SealBroken:
        raise Unbelievable("its client secret has to be typed again by an owner of the team") from None
    return Client(sign_on.client_id, secret, redirect_uri(request, sign_on))


def claims_for(request: HttpRequest, sign_on: SignOn, question: Question, code: str) -> Claims:
    """Give what the service says of the person who came back with this code; raises Unbelievable."""
    client, service = client_of(request, sign_on), service_at(sign_on.issuer)
    if service.issuer != sign_on.issuer:
        raise Unbelievable("its description names another issuer")
    return async_to_sync(redeem)(service, client, question, code, settings.FUSION_PRIVATE_UPSTREAMS)


def redirect_uri(request: HttpRequest, sign_on: SignOn) -> str:
    """Give the address that the service leads people back to; its owner has to be told it."""
    return request.build_absolute_uri(reverse("sign_on_back", args=[sign_on.pk]))


def seal_context(sign_on: SignOn) -> SealContext:
    """Give what the client secret is for: raises ValueError where the issuer's address is none."""
    return SealContext(f"sign-on:{sign_on.pk}", sign_on.team_id, origin_of(sign_on.issuer))
