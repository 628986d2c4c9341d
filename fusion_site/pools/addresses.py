"""Which addresses a connection may have. `providers` keeps the rule, and asks it again at every use."""

from __future__ import annotations

import httpx
from django.conf import settings

from fusion_site.accounts.sealing import origin_of
from fusion_site.providers.addresses import is_public
from fusion_site.providers.guard import DEFAULT_PORTS, Reach, host_port

NO_ADDRESS = "This is not an address. It should look like https://api.example.com/v1."
_PLAIN = "Leave out user names, passwords, ? and #; the key has its own field."
_ASK_PATH = "/chat/completions"


def fault_of(base_url: str) -> str | None:
    """Give what is wrong with an address, in one sentence that a person can act on; None when it may be kept.

    https leads anywhere public; http, private addresses and other ports only to a `host:port` that the site's operator
    has listed in FUSION_PRIVATE_UPSTREAMS. Names are looked up at use only.
    """
    if fault := _fault_of_text(base_url, _PLAIN):
        return fault
    if "?" in base_url:
        return _PLAIN
    if httpx.URL(base_url).path.rstrip("/").endswith(_ASK_PATH):
        return f"Leave out {_ASK_PATH}; the site adds it."
    return _fault_of_target(httpx.URL(base_url)) or _fault_of_origin(base_url)


def fault_of_receiver(address: str) -> str | None:
    """Give what is wrong with an address to which something is posted, as `fault_of` does; it may have a query."""
    plain = "Leave out user names, passwords and #."
    return _fault_of_text(address, plain) or _fault_of_target(httpx.URL(address)) or _fault_of_origin(address)


def _fault_of_text(base_url: str, plain: str) -> str | None:
    if any(ord(char) <= 0x20 or ord(char) >= 0x7F for char in base_url) or "\\" in base_url:
        return (
            "Write the address without blanks and in ASCII letters (an international name in its xn-- form)."
        )
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        return NO_ADDRESS
    if url.scheme not in DEFAULT_PORTS or not url.host:
        return "Begin with https:// and the name of a host, such as https://api.example.com/v1."
    if url.userinfo or "#" in base_url:
        return plain
    return None


def unlisted(base_url: str) -> str | None:
    """Give the "host:port" of a well-formed address if the operator has not listed it; None if it is listed."""
    url = httpx.URL(base_url)
    return None if _is_listed(_reach(), url) else host_port(url)


def _fault_of_origin(base_url: str) -> str | None:
    """Say so where no origin can be told, to which a key could be bound (a label of 64 letters, say)."""
    try:
        origin_of(base_url)
    except ValueError:
        return NO_ADDRESS
    return None


def _fault_of_target(url: httpx.URL) -> str | None:
    reach = _reach()
    if _is_listed(reach, url):
        return None
    lead = f"This site's operator has not listed {host_port(url)} in FUSION_PRIVATE_UPSTREAMS"
    if _is_private(url.host):
        return f"{lead}, so this private address cannot be used."
    if url.scheme == "http":
        return f"{lead}, so this has to be https."
    return None if reach.admits(url) else f"{lead}, so the port has to be 443, that of https."


def _reach() -> Reach:
    return Reach(settings.FUSION_PRIVATE_UPSTREAMS)


def _is_listed(reach: Reach, url: httpx.URL) -> bool:
    return reach.lists(url.raw_host.decode("ascii"), url.port or DEFAULT_PORTS[url.scheme])


def _is_private(host: str) -> bool:
    """Whether the host is a literal address outside the public internet, or this machine by name."""
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
