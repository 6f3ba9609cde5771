"""Whether a mail came in from outside, and when, as its Received fields tell (RFC 5321 section 4.4).

It errs to one side: where a doubt is left, it came from outside. Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from relay.mail import headers
from relay.mail.headers import Head
from relay.mail.opened_mark import FIELD

Network = IPv4Network | IPv6Network

MOST_OCTETS = 4_096
"""Octets of a Received field; a longer one is not read."""

_LITERAL = re.compile(r"(?<![\w.:])(?:IPv6:)?([0-9A-Fa-f:.]{3,45})(?![\w:])", re.IGNORECASE)
_BY = re.compile(r"\sby\s", re.IGNORECASE)
_WITH = re.compile(r"\swith\s+([A-Za-z0-9]+)", re.IGNORECASE)
_LOGGED_IN = frozenset({
    "ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA", "UTF8SMTPSA", "UTF8LMTPA", "UTF8LMTPSA", "HTTP", "HTTPS",
})  # fmt: skip
"""Protocols of clients that have logged in (RFC 3848, RFC 6531 section 4.3), and those of webmail."""


def stands_within(client: str, networks: Iterable[Network]) -> bool:
    """Whether this is the address of a machine in one of the networks."""
    address = _ip(client)
    return address is not None and any(address in network for network in networks)


def came_from_outside(head: Head, inside: Sequence[Network]) -> bool:
    """Whether a host took it, as its Received fields say, from one outside these networks that had not logged in.

    A stranger may add such fields, and can take none away.
    """
    if headers.first(head, FIELD):
        return True
    return any(_from_outside(field, inside) for field in headers.all(head, "received"))


def received_at(head: Head) -> float | None:
    """When the last host took it, in seconds since the epoch: what its topmost Received field says behind the `;`."""
    last = headers.first(head, "received")
    if last is None or len(last.raw) > MOST_OCTETS:
        return None
    moment = headers.date_in(last.value.rpartition(";")[2].strip())
    return moment.timestamp() if moment else None


def _from_outside(field: headers.Field, inside: Sequence[Network]) -> bool:
    """What a client said of itself stands in it too, so all of its addresses and protocols count."""
    if len(field.raw) > MOST_OCTETS:
        return True
    text = f" {field.value}"
    protocols = {found.upper() for found in _WITH.findall(text)}
    if protocols and protocols <= _LOGGED_IN:
        return False
    *_, last = [match.start() for match in _BY.finditer(text)] or [len(text)]
    found = filter(None, map(_ip, _LITERAL.findall(text[:last])))
    return not all(any(address in network for network in inside) for address in found)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip(".").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
