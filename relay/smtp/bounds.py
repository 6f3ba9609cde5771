"""Limits of the server: who may connect, how many connections at once, how many octets of mail in memory.

Beyond a limit the reply is temporary (4xx) and the client keeps its mail. Clients that are not in `allow` get 554.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from relay.model.envelope import UNIX

TIMES_ITS_SIZE = 5
"""Memory that a large message takes in all processes while it is received, encrypted and passed on, at most."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one server; the defaults are for a relay behind one Postfix."""

    max_message_size: int = 50 * 1024 * 1024
    connections: int = 1200
    octets: int = 0
    """Of all large messages being received or handled, and of all small ones (`relay.process.small_first`); 0: half a
    gibibyte, or four of the largest messages."""
    patience: float = 150.0
    """Seconds that a large message waits for room; Postfix gives up after 180 without progress
    (smtp_data_xfer_timeout)."""
    recipients: int = 10_000
    """Recipients in one transaction."""
    errors: int = 20
    """Errors in one connection; then it is closed."""
    idle_commands: int = 200
    """Commands in a row on one connection without a message; then it is closed."""
    idle: float = 300.0
    """Seconds between two commands, or two pieces of a message (RFC 5321 section 4.5.3.2.7)."""
    idle_when_crowded: float = 10.0
    """Seconds: where all connections are in use, one that has been idle longer is closed for a new one."""
    transfer: float = 600.0
    """Seconds in which a whole message has to arrive; with its handling it stays under the client's 1200."""

    @classmethod
    def within(cls, memory: int, *, max_message_size: int) -> Bounds:
        """Bounds with which large messages take `memory` octets at most, or what the largest one alone needs."""
        return cls(max_message_size=max_message_size, octets=max(memory // TIMES_ITS_SIZE, max_message_size))

    @property
    def room(self) -> int:
        """`octets`, or the default: never less than one message needs."""
        return self.octets or max(512 * 1024 * 1024, 4 * self.max_message_size)


def allowed(peer: str, networks: Sequence[Network]) -> bool:
    """Whether this peer may connect. Access to the folder of a Unix socket decides who may connect to that."""
    if peer == UNIX:
        return True
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
