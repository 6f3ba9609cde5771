"""Rejects octets before GnuPG sees them: no certificate, or one of a kind that GnuPG does not know.

Bounds octets and packets, so that what a stranger's server answers costs no more than an ordinary key, and makes sure
that a blob is whole packets of one transferable public key (RFC 9580 section 10.1). Only version 4 goes on: GnuPG reads
no version 6, and version 3 is not safe (its fingerprints can be forged). Of a version 4 key of an algorithm that it
does not know, GnuPG lists no user id.
"""

from __future__ import annotations

from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.model import Unreadable
from relay.model.errors import OpenPgpError, TooManyPackets

MOST_OCTETS = 4 << 20
MOST_PACKETS = 20_000

_BEYOND_GNUPG = {27: "Ed25519", 28: "Ed448"}
"""What a primary key may be of (RFC 9580 section 9.1) and GnuPG does not know; 22 is the Ed25519 that it does."""


def screen(blob: bytes) -> str | Unreadable:
    """The fingerprint of the one certificate in it; or why gpg need not see it."""
    version_and_algorithm = whole(blob)
    if isinstance(version_and_algorithm, Unreadable):
        return version_and_algorithm
    reason = _unknown(*version_and_algorithm)
    return Unreadable(reason) if reason else certificate_fingerprint(blob)


def whole(blob: bytes) -> tuple[int, int] | Unreadable:
    """The version and the algorithm of the one certificate in it; or why it is none, or too large."""
    if len(blob) > MOST_OCTETS:
        return Unreadable(f"This is larger than {MOST_OCTETS >> 20} MiB.")
    try:
        certificates = list(packets.certificates(blob, MOST_PACKETS))
    except TooManyPackets:
        return Unreadable("This key has too many signatures.")
    except OpenPgpError as error:
        return Unreadable(_sentence(str(error)))
    if len(certificates) != 1:
        return Unreadable("These are several keys.")
    body = _primary(blob)
    return next(iter(body), 0), next(iter(body[5:6]), 0)


def certificate_fingerprint(blob: bytes) -> str:
    """The fingerprint of its primary key."""
    return fingerprint(_primary(blob))


def _unknown(version: int, algorithm: int) -> str:
    """Why GnuPG does not read such a key; empty: it does."""
    match version:
        case 4 if name := _BEYOND_GNUPG.get(algorithm):
            return f"This is a key of RFC 9580's {name} (algorithm {algorithm}), which GnuPG cannot read."
        case 4:
            return ""
        case 2 | 3:
            return "This is a key of version 3, made by PGP 2: it is not safe, and GnuPG does not use it."
        case _:
            hint = "; with engine: sequoia it can be used" if version == 6 else ""
            return f"This is a key of version {version}, which GnuPG cannot read{hint}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _primary(blob: bytes) -> bytes:
    return packets.body(blob, next(packets.walk(blob)))
