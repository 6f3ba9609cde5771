"""Fingerprints of key packets, version 4 and 6 (RFC 9580 section 5.5.4). Pure."""

from __future__ import annotations

import hashlib

from relay.model.errors import OpenPgpError
from relay.openpgp import weakness


def fingerprint(body: bytes) -> str:
    """Of a key packet's body, in upper-case hexadecimal. Raises `OpenPgpError` for another version."""
    match body[:1]:
        case b"\x04":
            return weakness.fingerprint(body)
        case b"\x06":
            return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
        case _:
            raise OpenPgpError("a key of a version that is not used")
