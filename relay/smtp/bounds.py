"""What the inlet has room for: who may connect, how many at once, how many octets in hand.

Beyond a bound the answer is temporary and the client keeps its mail; only who is not in `allow` gets 554.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
UNIX = "unix"
"""The peer on a unix socket: the file's folder says who may connect."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The numbers of one inlet; defaults for a relay behind one Postfix."""

    max_message_size: int = 50 * 1024 * 1024
    connections: int = 1200
    octets: int = 0
    """Of all messages being received or handled, which take up to five times as much memory in the making; 0: half a
    gibibyte, or four of the largest messages."""
    recipients: int = 10_000
    """In one transaction."""
    errors: int = 20
    """Commands not understood, in one connection."""
    idle_commands: int = 200
    """Commands in a row that bring no message, in one connection."""
    idle: float = 300.0
    """Seconds between two commands, or two pieces of a message (RFC 5321 section 4.5.3.2.7)."""
    idle_when_crowded: float = 10.0
    """Seconds of silence after which a connection makes room for a new one where all are taken."""
    transfer: float = 600.0
    """Seconds for a whole message: with its handling it stays under the client's 1200."""

    @property
    def room(self) -> int:
        """`octets`, or what they are by default: never less than a message needs."""
        return self.octets or max(512 * 1024 * 1024, 4 * self.max_message_size)


def allowed(peer: str, networks: Sequence[Network]) -> bool:
    """Whether this peer may connect."""
    if peer == UNIX:
        return True
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
