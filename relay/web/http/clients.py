"""The client: the address of the connection, or the one that a reverse proxy of ours names in `X-Forwarded-For`.

Only the last address of that field counts, which the proxy itself has added; what stands before it, the client wrote.
Of an IPv6 address the network of 64 bits counts: a client has all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

FORWARDED = "X-Forwarded-For"
_WITH_PORT = re.compile(r"(\[[^]]*\]|[0-9.]+):[0-9]{1,5}")
"""As some proxies write it."""


def client_of(peer: str, forwarded: str | None, proxies: Sequence[Network]) -> str:
    """An address or network; empty where a proxy of ours, or a unix socket (`peer` is empty), names nobody."""
    if peer and not _within(peer, proxies):
        return _network(peer)
    named = (forwarded or "").rpartition(",")[2].strip()
    with_port = _WITH_PORT.fullmatch(named)
    return _network(with_port[1] if with_port else named)


def _within(peer: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _network(text: str) -> str:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)
