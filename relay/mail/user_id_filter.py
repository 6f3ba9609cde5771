"""A certificate cut down to the user ids that show certain addresses (RFC 9580 section 10.1).

Whoever may publish a key for one address says nothing about another by it: anybody can write anybody's address into
a user id of their own key. So what a source brings counts for the address it was asked for.

Kept are the primary key, the subkeys, the user ids in which a reader sees one of the addresses, and their signatures;
user attributes and other user ids are left out. Packets come out in canonical order. Nothing is verified here. Raises
`OpenPgpError` for what is no packets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from relay.mail import packets, signature
from relay.mail.certificate_parts import Part, Parts, joined, parts
from relay.mail.fingerprints import fingerprint
from relay.mail.packets import Packet
from relay.model import Address, user_id

_NAMES = frozenset({packets.USER_ID, packets.USER_ATTRIBUTE})


def narrowed(certificate: bytes, addresses: Collection[Address]) -> bytes:
    """The certificate with the user ids of these addresses alone; perhaps with none."""
    return joined(showing(certificate, addresses))


def shows(certificate: bytes, address: Address) -> bool:
    """Whether a user id of the certificate shows this address."""
    return any(tag == packets.USER_ID for tag, _ in showing(certificate, {address}))


def showing(data: bytes, addresses: Collection[Address], walked: Sequence[Packet] | None = None) -> Parts:
    """What is kept of one certificate, whose packets in `data` may have been walked already."""

    def wanted(part: Part) -> bool:
        tag, body = part
        return tag == packets.PUBLIC_SUBKEY or (
            tag == packets.USER_ID and user_id.shows(user_id.decode(body), addresses)
        )

    return parts(data, walked, wanted)


def self_signed(data: bytes, walked: Sequence[Packet] | None = None) -> Parts:
    """All of it but other people's signatures, and the user ids and attributes that its own key did not sign.

    These self-signatures may say of the whole key that it expires, whichever user id they stand behind.
    """
    whole = parts(data, walked)
    own = fingerprint(next(iter(whole))[1])
    kept: Parts = {}
    for (tag, body), bodies in whole.items():
        signed = {one: None for one in bodies if _is_by(one, own)} if tag in _NAMES else bodies
        if signed or tag not in _NAMES:
            kept[tag, body] = signed
    return kept


def _is_by(body: bytes, own: str) -> bool:
    read = signature.read(body)
    return read is not None and read.by(own)
