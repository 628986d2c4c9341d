"""An owner says by which service the team's people sign in, or that it is no longer done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.owning import OWN_SPACE, locked, require_owner
from fusion_site.accounts.models import Membership, SignOn
from fusion_site.accounts.openid import Unbelievable
from fusion_site.accounts.sealing import SealBroken, seal, unseal
from fusion_site.accounts.sign_on import seal_context, service_at
from fusion_site.accounts.team_forms import SignOnForm

TYPE_IT_AGAIN = "Type the client secret; one that was stored for another address is not sent to this one."


@transaction.atomic
def settle_sign_on(by: Membership, *, issuer: str, client_id: str, secret: str, role: str) -> SignOn:
    """Give the team's service as it is from now on; an empty secret keeps the stored one, at the same origin.

    `issuer` is as the service itself names it. Where it changes, the accounts that were linked by the old one are no
    longer: the new one must not speak for them. Raises PermissionDenied for anyone but an owner, and ValidationError.
    """
    team, place = locked(by)
    require_owner(place, "decide how its people sign in")
    if team.personal_of_id is not None:
        raise ValidationError({"issuer": OWN_SPACE})
    row = SignOn.objects.filter(team=team).first() or SignOn(team=team)
    kept = secret or _kept_secret(row, issuer)
    if not kept:
        raise ValidationError({"secret": TYPE_IT_AGAIN})
    if row.issuer != issuer:
        SocialAccount.objects.filter(provider=row.pk).delete()
    row.issuer, row.client_id, row.role = issuer, client_id, role
    row.sealed_secret = seal(kept, context=seal_context(row))
    row.save()
    record(team, "sso.settled", row, by=place, client_id=client_id, role=role)
    return row


def settle_what_answers(by: Membership, given: Mapping[str, Any]) -> SignOn:
    """Ask the service what it is, then keep what was typed, with the issuer as it names itself. Outside of a transaction.

    Raises PermissionDenied before anything is asked, and ValidationError by field, also for a service that will not do.
    """
    require_owner(by, "decide how its people sign in")
    form = SignOnForm(given)
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    try:
        issuer = service_at(form.cleaned_data["issuer"]).issuer
    except Unbelievable as error:
        raise ValidationError({"issuer": f"This service will not do: {error}."}) from None
    return settle_sign_on(by, **{**form.cleaned_data, "issuer": issuer})


@transaction.atomic
def remove_sign_on(by: Membership) -> None:
    """End it: nobody signs in by it any more. Who has joined by it stays in the team; sessions go on."""
    team, place = locked(by)
    require_owner(place, "decide how its people sign in")
    for row in SignOn.objects.filter(team=team):
        SocialAccount.objects.filter(provider=row.pk).delete()
        record(team, "sso.removed", row, by=place)
        row.delete()


def _kept_secret(row: SignOn, issuer: str) -> str:
    """Open the stored secret for the new issuer, which works at the same origin only."""
    if not row.sealed_secret:
        return ""
    row_there = SignOn(team=row.team, issuer=issuer)
    try:
        return unseal(row.sealed_secret, context=seal_context(row_there))
    except SealBroken:
        return ""
