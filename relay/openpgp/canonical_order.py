"""Whether each signature of a certificate is in its place, so that GnuPG need not search for it.

Pure. gpg's import verifies each self-signature twice: once to find the part that it was made for (`repair-keys`), once
to judge it where it then stands. The first is needed where signatures are out of order (a revocation after the subkeys,
which would not count there) and costs as much as the second. A certificate `in_order` that comes back from gpg with the
`same` packets had every signature verified in its place: nothing was to be repaired. For that no part may have a
signature that is kept without being verified there: GnuPG verifies one of each user id, so a user id has one alone.
"""

from __future__ import annotations

import re

from relay.mail import packets

_PARTS = {packets.PUBLIC_KEY: "K", packets.USER_ID: "U", packets.PUBLIC_SUBKEY: "S"}
_SIGNATURES = {0x10: "c", 0x11: "c", 0x12: "c", 0x13: "c", 0x18: "b", 0x1F: "d", 0x20: "r"}
"""RFC 9580 section 5.2.1: certification, binding, direct key signature, key revocation."""
_IN_ORDER = re.compile(r"K(?:d|r|dr|rd)?(?:Uc)+(?:Sb)*")
"""Section 10.1.1, as far as nothing was revoked but the whole key, and nothing renewed."""


def in_order(certificate: bytes) -> bool:
    """By the kinds of its packets; a version 4 certificate whose framing was checked."""
    letters = "".join(_letter(certificate, packet) for packet in packets.walk(certificate))
    return _IN_ORDER.fullmatch(letters) is not None


def same(one: bytes, other: bytes) -> bool:
    """Whether these are the same packets in the same order, however their lengths are written."""
    return _bodies(one) == _bodies(other)


def _letter(certificate: bytes, packet: packets.Packet) -> str:
    if packet.tag != packets.SIGNATURE:
        return _PARTS.get(packet.tag, "?")
    version_and_kind = certificate[packet.body_start : min(packet.body_start + 2, packet.end)]
    return _SIGNATURES.get(version_and_kind[1], "?") if version_and_kind[:1] == b"\x04" else "?"


def _bodies(certificate: bytes) -> list[tuple[int, bytes]]:
    return [(packet.tag, packets.body(certificate, packet)) for packet in packets.walk(certificate)]
