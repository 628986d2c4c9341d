"""The secret with which what is sent to one hook is signed, as Standard Webhooks has it.

Source: the Standard Webhooks specification 1.0 (symmetric signatures): `whsec_` and base64 of the key; HMAC-SHA256 over
`id.timestamp.body`; the headers webhook-id, webhook-timestamp and webhook-signature. While a secret is replaced, there are several
signatures with blanks between them, and a receiver takes what any of them proves.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial

from fusion_site.accounts.flows.rotate_secrets import Sealed
from fusion_site.accounts.sealing import SealBroken, SealContext, seal, unseal
from fusion_site.runs.hooks.models import Hook, OldSecret

_PREFIX = "whsec_"
_KEY_BYTES = 32
# The secret itself is sent nowhere, so that it need not be bound to an address.
_ORIGIN = "webhook"


def seal_new_secret(hook: Hook) -> str:
    """Give the hook a new secret, which its caller stores with it, and give it in clear: it is not shown again."""
    secret = _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    hook.sealed_secret = seal(secret, context=_context(hook))
    return secret


def opens(hook: Hook) -> bool:
    """Whether its secret can be opened on this site."""
    with suppress(SealBroken):
        unseal(hook.sealed_secret, context=_context(hook))
        return True
    return False


def signed_headers(hook: Hook, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Give the headers that say what is sent, when, and by whom. Raises SealBroken.

    The first signature is by its secret, those behind it by the ones from before that are still used.
    """
    timestamp = int(now.timestamp())
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signatures = [_signature(hook, hook.sealed_secret, signed)]
    for old in hook.old_secrets.filter(until__gt=now):
        with suppress(SealBroken):  # its own secret is enough
            signatures.append(_signature(hook, old.sealed_secret, signed))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _signature(hook: Hook, sealed: str, signed: bytes) -> str:
    secret = unseal(sealed, context=_context(hook))
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def sealed_of_hooks() -> Iterator[Sealed]:
    """Give all of these secrets, to be sealed anew."""
    for hook in Hook.objects.iterator():
        yield Sealed(f"webhook {hook.pk}", hook.sealed_secret, partial(_replace, hook))
    for old in OldSecret.objects.iterator():
        name = f"webhook {old.hook_id}, a secret from before"
        yield Sealed(name, old.sealed_secret, partial(_replace, old))


def _replace(row: Hook | OldSecret, fresh: str) -> int:
    same = type(row).objects.filter(pk=row.pk, sealed_secret=row.sealed_secret)
    return same.update(sealed_secret=fresh)


def _context(hook: Hook) -> SealContext:
    return SealContext(connection=hook.pk, team=hook.team_id, origin=_ORIGIN)
