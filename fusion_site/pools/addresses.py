"""Which addresses a connection may have. The rule is checked here when it is saved, and by `providers` at every use."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from fusion_site.providers.addresses import is_public

OPENROUTER = "https://openrouter.ai/api/v1"


def fault_of(base_url: str) -> str | None:
    """Give what is wrong with an address, in one sentence; None when it may be kept.

    https leads anywhere public; http, and private addresses, only to a `host:port` of FUSION_PRIVATE_UPSTREAMS.
    """
    if any(ord(char) <= 0x20 or ord(char) >= 0x7F for char in base_url) or "\\" in base_url:
        return (
            "Write the address without blanks and in ASCII letters (an international name in its xn-- form)."
        )
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        return "This is not an address."
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "Begin with https:// and the name of a host, such as https://api.example.com/v1."
    if "@" in parts.netloc or "?" in base_url or "#" in base_url:
        return "Leave out user names, passwords, ? and #; the key has its own field."
    return _fault_of_target(parts, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme])


def _fault_of_target(parts: SplitResult, host: str, port: int) -> str | None:
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if named in settings.FUSION_PRIVATE_UPSTREAMS or f"{host}:{port}" in settings.FUSION_PRIVATE_UPSTREAMS:
        return None
    if parts.scheme == "http":
        return (
            "http is allowed only for private hosts that this site's operator has listed "
            f"(FUSION_PRIVATE_UPSTREAMS does not hold {named}); use https."
        )
    if _is_private(host):
        return f"This is a private address, and this site's operator has not listed {named}."
    return None


def _is_private(host: str) -> bool:
    """Whether the host is a literal address outside the public internet; names are looked up only at use."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(host)
