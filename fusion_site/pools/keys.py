"""What is known of a connection's key, as it is kept, and as people read it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from fusion_site.pages.figures import money
from fusion_site.pools.plain import Plain, money_text
from fusion_site.providers import KeyFacts


def plain_key(facts: KeyFacts) -> Plain:
    """Give the facts as plain data: amounts as decimal strings in USD, unknown as None."""
    return {
        "limit_remaining": money_text(facts.limit_remaining),
        "limit": money_text(facts.limit),
        "usage": money_text(facts.usage),
        "is_free_tier": facts.is_free_tier,
        "expires_at": facts.expires_at.isoformat() if facts.expires_at else None,
    }


def key_words(kept: Plain | None) -> list[str]:
    """Give what is known in short phrases; nothing is said of what is unknown."""
    if not kept:
        return []
    said = [_left(kept), kept["usage"] and f"{money(Decimal(kept['usage']))} used"]
    said += ["free tier" if kept["is_free_tier"] else "", _expiry(kept["expires_at"])]
    return [phrase for phrase in said if phrase]


def _left(kept: Plain) -> str:
    if kept["limit_remaining"] is None:
        return ""
    left = Decimal(kept["limit_remaining"])
    amount = money(left) if left > 0 else "nothing"
    return f"{amount} left" if kept["limit"] is None else f"{amount} of {money(Decimal(kept['limit']))} left"


def _expiry(kept: str | None) -> str:
    if kept is None:
        return ""
    at = timezone.localtime(datetime.fromisoformat(kept))
    return f"key {'expired' if at <= timezone.now() else 'expires'} {at.day} {at:%b %Y}"
