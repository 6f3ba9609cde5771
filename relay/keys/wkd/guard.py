"""The address guard: which addresses a fetch may connect to.

Whoever writes a mail chooses the domain we ask, so names lead where an attacker wants. Only addresses of
the public internet are allowed, judged by the address a packet would end up at: IPv4 carried in IPv6
(mapped, NAT64 of RFC 6052, 6to4 of RFC 3056) is unwrapped, Teredo (RFC 4380) and everything outside 2000::/3
is refused. The special-purpose registries (RFC 6890) come from `ipaddress`, and what its releases leave out
is named here. Pure; raises nothing for text that is an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPNetwork = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_PUBLIC_V4 = (
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, withdrawn
    IPv4Network("224.0.0.0/3"),  # multicast, reserved, broadcast
)
_NOT_PUBLIC_V6 = (
    IPv6Network("2001::/23"),  # IETF protocol assignments, with Teredo and ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether a packet to this address leaves for the public internet."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_V4)
    carried = _carried(address)
    if carried is not None:
        return is_public(carried)
    in_use = address in _GLOBAL_UNICAST and address.is_global
    return in_use and not any(address in network for network in _NOT_PUBLIC_V6)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one stands for."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


@dataclass(frozen=True, slots=True)
class Guard:
    """Public addresses, and those in the networks an administrator allows."""

    allow_networks: Sequence[IPNetwork] = ()

    def permits(self, text: str) -> bool:
        """Whether a connection may be made to this address, written as numbers."""
        address = ip_address(text)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        allowed = any(address in network or (mapped and mapped in network) for network in self.allow_networks)
        return allowed or is_public(address)
