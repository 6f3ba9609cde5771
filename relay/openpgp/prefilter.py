"""What GnuPG need not see: bytes that are no certificate, or none of a version that it knows.

Pure. Bounds octets and packets, so that what a stranger's server answers costs no more than an ordinary key,
and makes sure that each blob is whole packets of one transferable public key (RFC 9580 section 10.1).
Only version 4 goes on: GnuPG reads no version 6, and version 3 is not safe (its fingerprints can be forged). Of a
version 4 key of an algorithm that it does not know, GnuPG lists no user id: it would be stored as nobody's, with a
reason that is not the true one.
"""

from __future__ import annotations

from relay.mail import packets
from relay.model import Unreadable
from relay.model.errors import OpenPgpError
from relay.openpgp.weakness import fingerprint

MOST_OCTETS = 4 << 20
MOST_PACKETS = 20_000

_BEYOND_GNUPG = {27: "Ed25519", 28: "Ed448"}
"""What a primary key may be of (RFC 9580 section 9.1) and GnuPG does not know; 22 is the Ed25519 that it does."""


def screen(blob: bytes) -> str | Unreadable:
    """The fingerprint of the one certificate in it; or why gpg need not see it."""
    if len(blob) > MOST_OCTETS:
        return Unreadable(f"This is larger than {MOST_OCTETS >> 20} MiB.")
    try:
        parts = packets.split_certificates(blob)
        count = sum(1 for _ in packets.walk(blob))
    except OpenPgpError as error:
        return Unreadable(_sentence(str(error)))
    if count > MOST_PACKETS:
        return Unreadable("This key has too many signatures.")
    if len(parts) != 1:
        return Unreadable("These are several keys.")
    return _of_version(parts[0])


def certificate_fingerprint(blob: bytes) -> str:
    """Of a version 4 certificate."""
    return fingerprint(_primary(blob))


def _of_version(blob: bytes) -> str | Unreadable:
    body = _primary(blob)
    match next(iter(body), 0):
        case 4 if body[5:6] and (name := _BEYOND_GNUPG.get(body[5])):
            return Unreadable(f"This is a key of RFC 9580's {name} (algorithm {body[5]}), which GnuPG cannot read.")
        case 4:
            return fingerprint(body)
        case 2 | 3:
            return Unreadable("This is a key of version 3, made by PGP 2: it is not safe, and GnuPG does not use it.")
        case version:
            hint = "; with engine: sequoia it can be used" if version == 6 else ""
            return Unreadable(f"This is a key of version {version}, which GnuPG cannot read{hint}.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _primary(blob: bytes) -> bytes:
    return packets.body(blob, next(packets.walk(blob)))
