"""Our own Received line (RFC 5321 section 4.4, RFC 3848)."""

from __future__ import annotations

import ipaddress
import re
from email.utils import format_datetime
from functools import lru_cache

from relay.model import Inbound, normalise_domain

MAX_HOST = 255
MOST_PEERS = 64
"""Clients whose address literal is remembered."""

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_WORD = re.compile(r"[A-Za-z0-9-]+")


def received_field(inbound: Inbound, hostname: str) -> bytes:
    """The field, with its line end.

    Without `for`: it would name a hidden recipient. What the client said of itself is an outside text: it is
    kept only where it is a host name or an address literal.
    """
    client = f"from {_host(inbound.helo)}{_literal(inbound.peer)}"
    protocol = inbound.protocol if _WORD.fullmatch(inbound.protocol) else "SMTP"
    identity = inbound.id if _WORD.fullmatch(inbound.id) else "unknown"
    ours = f"by {_host(hostname)} (pgp-relay) with {protocol} id {identity}"
    return f"Received: {client}\r\n\t{ours};\r\n\t{format_datetime(inbound.received)}\r\n".encode("ascii")


def _host(name: str) -> str:
    name = normalise_domain(name[:MAX_HOST])
    return name if _HOST.fullmatch(name) else "unknown"


@lru_cache(MOST_PEERS)
def _literal(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:  # a unix socket has no address
        return ""
    return f" ([{'IPv6:' if address.version == 6 else ''}{address}])"
