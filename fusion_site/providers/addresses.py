"""Which network addresses a guarded connection may go to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA special-purpose registry for IPv4, plus multicast, reserved space, and Azure's host agent.
DENIED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

# Of IPv6 only 2000::/3 is public at all; these parts of it are not. Teredo lies in 2001::/23, 6to4 is 2002::/16.
GLOBAL_V6 = IPv6Network("2000::/3")
DENIED_V6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

# An IPv4 address in the low 32 bits: compatible, mapped, translated (SIIT), NAT64.
CARRIES_V4 = tuple(
    IPv6Network(network) for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)


def is_public(text: str) -> bool:
    """Whether an address, as the resolver wrote it, belongs to the public internet. Raises ValueError."""
    address = _unwrapped(ip_address(text))
    if isinstance(address, IPv4Address):
        return not any(address in network for network in DENIED_V4)
    return address in GLOBAL_V6 and not any(address in network for network in DENIED_V6)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address) and any(address in network for network in CARRIES_V4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
