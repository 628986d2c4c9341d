"""Provider keys at rest: sealed under the site's keyring and bound to the connection, team and origin they are for.

The binding stands inside the sealed text and is compared after opening, so a key that was stored for one address
cannot be sent to another, whatever happens to the row around it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_DEFAULT_PORTS = {"http": 80, "https": 443}


class SealBroken(Exception):
    """The sealed text was not made by this keyring, was altered, or was sealed for something else."""


@dataclass(frozen=True)
class SealContext:
    """What a secret is for: ids of connection and team, and the origin that `origin_of` gives."""

    connection: str
    team: str
    origin: str


def seal(secret: str, *, context: SealContext) -> str:
    """Give `secret` as text that only this site's keyring opens, and only in the same context."""
    plain = json.dumps({"secret": secret, **asdict(context)})
    return _ring().encrypt(plain.encode()).decode()


def unseal(sealed: str, *, context: SealContext) -> str:
    """Give the secret back; raises SealBroken when no key opens it or it was sealed in another context."""
    try:
        found = json.loads(_ring().decrypt(sealed.encode()))
    except InvalidToken:
        raise SealBroken("no key of the keyring opens this secret") from None
    if not isinstance(found, dict) or {**found, "secret": None} != {"secret": None, **asdict(context)}:
        raise SealBroken("this secret was sealed for another connection, team or address")
    return str(found["secret"])


def rebound(sealed: str, *, context: SealContext, to: SealContext) -> str:
    """Give what was sealed in one context anew for another; raises SealBroken. The secret is not seen outside of here."""
    return seal(unseal(sealed, context=context), context=to)


def reseal(sealed: str) -> str | None:
    """Give `sealed` anew under the first key, or None where the first key already seals it; raises SealBroken."""
    data = sealed.encode()
    try:
        Fernet(settings.FUSION_SEALING_KEYS[0]).decrypt(data)
    except InvalidToken:
        pass
    else:
        return None
    try:
        return _ring().rotate(data).decode()
    except InvalidToken:
        raise SealBroken("no key of the keyring opens this secret") from None


def origin_of(base_url: str) -> str:
    """Give `scheme://host:port`, lower case and with the port always named; raises ValueError if there is none.

    Two addresses are one origin exactly when this text is equal (RFC 6454 section 5).
    """
    parts = urlsplit(base_url.strip())
    host = (parts.hostname or "").rstrip(".")
    if not host or parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("an address needs http:// or https:// and a host")
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    host = f"[{IPv6Address(host).compressed}]" if ":" in host else host.encode("idna").decode()
    return f"{parts.scheme}://{host}:{port}"


def _ring() -> MultiFernet:
    return _ring_of(tuple(settings.FUSION_SEALING_KEYS))


@lru_cache(maxsize=8)
def _ring_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
