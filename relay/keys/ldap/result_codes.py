"""What LDAP's result codes (RFC 4511 section 4.1.9; libldap's own are negative) mean here: names of `reason.Reason`.

Loaded by `worker`, and loads nothing else of the relay.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TOO_MANY_ENTRIES = 4
"""sizeLimitExceeded: there are more than were asked for."""
_PROTOCOL_ERROR = 2
_CANNOT_CONNECT = -1

LOGIN: Mapping[int, str] = {
    7: "CREDENTIALS",  # authMethodNotSupported
    8: "CREDENTIALS",  # strongerAuthRequired
    32: "CREDENTIALS",  # noSuchObject
    34: "CREDENTIALS",  # invalidDNSyntax
    48: "CREDENTIALS",  # inappropriateAuthentication
    49: "CREDENTIALS",  # invalidCredentials
    50: "CREDENTIALS",  # insufficientAccessRights
    53: "CREDENTIALS",  # unwillingToPerform
    -1: "UNREACHABLE",
    -11: "TLS",  # the only connect error once TCP stands
}
"""Reasons by result code (RFC 4511 appendix A; negative: the client library's), of connecting and binding."""
SEARCH: Mapping[int, str] = {
    TOO_MANY_ENTRIES: "TOO_MUCH",
    11: "TOO_MUCH",  # adminLimitExceeded
    1: "REFUSED",  # operationsError: Active Directory's word for "bind first"
    8: "REFUSED",
    50: "REFUSED",
    53: "REFUSED",
    10: "REFERRAL",
    32: "BASE",
    34: "BASE",
    -7: "FILTER",
    -1: "BROKEN",
    -11: "BROKEN",
}
"""Reasons by result code, of any operation after that."""
BOTH: Mapping[int, str] = {
    3: "TIMEOUT",  # timeLimitExceeded
    -5: "TIMEOUT",
    51: "UNREACHABLE",  # busy
    52: "UNREACHABLE",  # unavailable
}
"""Reasons by result code, of connecting, binding and any operation after that."""


def reason_name(code: int, meanings: Mapping[int, str], settings: Mapping[str, Any]) -> str:
    """The reason's name; over ldaps:// libldap does not tell a failed handshake from a closed port."""
    name = {**BOTH, **meanings}.get(code, "PROTOCOL")
    if meanings is LOGIN and settings["starttls"] and code == _PROTOCOL_ERROR:  # it knows no STARTTLS
        return "TLS"
    if name == "UNREACHABLE" and code == _CANNOT_CONNECT and settings["url"].startswith("ldaps:"):
        return "TLS" if _port_is_open(settings["url"]) else name
    return name


def _port_is_open(url: str) -> bool:
    parsed = urlsplit(url)
    try:
        socket.create_connection((parsed.hostname, parsed.port or 636), 1).close()
    except OSError:
        return False
    return True
