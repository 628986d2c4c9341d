"""The secret with which what is sent to one hook is signed, as Standard Webhooks has it.

Source: the Standard Webhooks specification 1.0 (symmetric signatures): `whsec_` and base64 of the key; HMAC-SHA256 over
`id.timestamp.body`; the headers webhook-id, webhook-timestamp and webhook-signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from functools import partial

from fusion_site.accounts.flows.rotate_secrets import Sealed
from fusion_site.accounts.sealing import SealContext, seal, unseal
from fusion_site.runs.hooks.models import Hook

_PREFIX = "whsec_"
_KEY_BYTES = 32
# The secret itself is sent nowhere, so that it need not be bound to an address.
_ORIGIN = "webhook"


def seal_new_secret(hook: Hook) -> str:
    """Give the hook a new secret, which its caller stores with it, and give it in clear: it is not shown again."""
    secret = _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    hook.sealed_secret = seal(secret, context=_context(hook))
    return secret


def signed_headers(hook: Hook, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Give the headers that say what is sent, when (seconds since 1970), and by whom. Raises SealBroken."""
    secret = unseal(hook.sealed_secret, context=_context(hook))
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def sealed_of_hooks() -> Iterator[Sealed]:
    """Give all of these secrets, to be sealed anew."""
    for hook in Hook.objects.iterator():
        yield Sealed(f"webhook {hook.pk}", hook.sealed_secret, partial(_replace, hook))


def _replace(hook: Hook, fresh: str) -> int:
    return Hook.objects.filter(pk=hook.pk, sealed_secret=hook.sealed_secret).update(sealed_secret=fresh)


def _context(hook: Hook) -> SealContext:
    return SealContext(connection=hook.pk, team=hook.team_id, origin=_ORIGIN)
