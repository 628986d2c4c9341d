"""OpenRouter is connected by one click: a person allows this site a key there, and comes back with a code for it.

OAuth with PKCE (RFC 7636, S256) as OpenRouter documents it: the code is good once, for ten minutes, and only together
with the verifier that never left this site.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction

from fusion_site.accounts.models import Membership
from fusion_site.pools import reaching
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.leaving import fault_of_target, require_leave
from fusion_site.pools.models import Connection, Kind
from fusion_site.pools.naming import free_name
from fusion_site.pools.rights import require_adder
from fusion_site.providers import Endpoint

GOOD_FOR_S = 600
_NAME = "OpenRouter"


@dataclass(frozen=True)
class Consent:
    """What is remembered while a person is at OpenRouter. `state` comes back in the address, `verifier` stays here."""

    team: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    began_at: float = field(default_factory=time.time)

    @property
    def is_over(self) -> bool:
        """Whether it was begun too long ago; OpenRouter's code is of no use by then either."""
        return not 0 <= time.time() - self.began_at < GOOD_FOR_S


def ask_consent(by: Membership) -> Consent:
    """Give what to remember of a new request for a key for the person's team.

    Raises Invalid where the team's rules let nothing be sent to OpenRouter: then nobody is led there either.
    """
    require_adder(by)
    if fault := fault_of_target(by.team, settings.FUSION_OPENROUTER_URL):
        raise Invalid({"base_url": [fault]})
    return Consent(by.team_id)


def consent_url(consent: Consent, back: str) -> str:
    """Give the address of OpenRouter's page for it, from which the person is led `back`."""
    digest = hashlib.sha256(consent.verifier.encode()).digest()
    asked = {
        "callback_url": back,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{settings.FUSION_OPENROUTER_AUTH_URL}?{urlencode(asked)}"


async def connect_openrouter(by: Membership, consent: Consent, code: str) -> Connection:
    """Get the key for the code and store a new connection with it; raises AskFailed, and then stores nothing."""
    require_adder(by)
    base_url = settings.FUSION_OPENROUTER_URL
    require_leave(by.team, Endpoint(base_url, None, "openrouter"))
    key = await reaching.providers().key_for(base_url, code, consent.verifier)
    return await sync_to_async(_store)(by, base_url, key)


@transaction.atomic
def _store(by: Membership, base_url: str, key: str) -> Connection:
    taken = set(Connection.objects.filter(team=by.team_id).values_list("name", flat=True))
    return save_connection(
        by, {"name": free_name(_NAME, taken), "kind": Kind.OPENROUTER.value, "api_key": key}
    )
