"""Settings that cannot work are said at the start, not at the first request that needs them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Advice

_LIMITS = [
    "FUSION_RUNS_PER_PERSON",
    "FUSION_RUNS_PER_TEAM",
    "FUSION_CALLS_PER_MINUTE",
    "FUSION_PROMPT_CHARS",
    "FUSION_GUIDED_S",
    "FUSION_LEASE_S",
    "FUSION_RECEIVE_S",
]


@register()
def sealing_keys(**_: Any) -> list[CheckMessage]:
    """Each key of the ring must be a Fernet key; the message counts them and shows none."""
    problems: list[CheckMessage] = []
    for place, key in enumerate(settings.FUSION_SEALING_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            hint = "Make one with: python -c 'from cryptography.fernet import Fernet as F; print(F.generate_key().decode())'"
            problems.append(
                Error(f"FUSION_SEALING_KEYS: number {place} is not a key.", hint=hint, id="fusion.E001")
            )
    return problems


@register()
def limits(**_: Any) -> list[CheckMessage]:
    """A limit below 1 would let nothing through."""
    low = [name for name in _LIMITS if getattr(settings, name) < 1]
    return [Error(f"{name} must be at least 1.", id="fusion.E002") for name in low]


@register()
def address(**_: Any) -> list[CheckMessage]:
    """The site's own address must be one: links, cookies and origin checks are made from it."""
    parts = urlsplit(settings.FUSION_URL)
    if parts.scheme in {"http", "https"} and parts.hostname and not parts.path:
        return []
    return [Error("FUSION_URL must be http:// or https:// and a host, without a path.", id="fusion.E003")]


@register()
def listed_servers(**_: Any) -> list[CheckMessage]:
    """Each server that the operator lists is one host and one port; another form would list nothing, or fail when it is read."""
    return [
        Error(f"{name}: {entry!r} is not host:port, such as 10.0.0.5:8080.", id="fusion.E005")
        for name in ("FUSION_PRIVATE_UPSTREAMS", "FUSION_IN_HOUSE")
        for entry in sorted(getattr(settings, name))
        if not _is_host_port(entry)
    ]


def _is_host_port(entry: str) -> bool:
    try:
        parts = urlsplit(f"//{entry}")
        return bool(parts.hostname) and bool(parts.port) and parts.netloc == entry and "@" not in entry
    except ValueError:
        return False


@register()
def many_machines(**_: Any) -> list[CheckMessage]:
    """What works on one machine only, or half, once the database is PostgreSQL."""
    if not settings.FUSION_IS_CLUSTER:
        return []
    problems: list[CheckMessage] = []
    if settings.CHANNEL_LAYERS["default"]["BACKEND"].endswith("InMemoryChannelLayer"):
        told = "REDIS_URL is not set: pages hear of news from other processes only every two seconds."
        problems.append(Advice(told, hint="Set REDIS_URL to one Redis for all processes.", id="fusion.W001"))
    if settings.FUSION_COMPACT_MODEL is not None:
        told = (
            "FUSION_COMPACT_MODEL is for one machine with SQLite: with PostgreSQL, no process hosts the file."
        )
        hint = "Serve it where the GPU is, and make a connection to its address."
        problems.append(Error(told, hint=hint, id="fusion.E004"))
    return problems
