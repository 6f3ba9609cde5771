"""Reads an answer for the queried address: the certificates, cut down to the user ids with this address.

See `relay.mail.user_id_filter` for what is kept (draft-koch-openpgp-webkey-service section 5). Several states of one
certificate come out as one. Nothing is verified here.

The cost is bounded by the answer's size and by the limits below. Raises `Failed` with `NO_CERTIFICATE` for
what is none, with `TOO_MANY` above a limit; pure.
"""

from __future__ import annotations

from relay.keys.wkd.reason import Failed, Reason
from relay.mail import armor, packets, user_id_filter
from relay.mail.certificate_parts import Part, Parts, joined, united
from relay.model import Address
from relay.model.errors import OpenPgpError, TooManyPackets

MAX_PACKETS = 25_000
MAX_KEPT = 2_000  # packets handed on: each may cost the examiner the check of a signature
MAX_CERTIFICATES = 64

_ARMOR = b"-----BEGIN PGP "

_HEADER = 6
"""Octets before the body in what `certificate_parts` writes."""


def certificates(answer: bytes, address: Address) -> list[bytes]:
    """Binary transferable public keys, each with at least one user id with that address, and no other."""
    return [cut for cut, _ in cut_and_whole(answer, address)]


def cut_and_whole(answer: bytes, address: Address) -> list[tuple[bytes, bytes]]:
    """As `certificates`, and each with all of its user ids too: what its self-signatures say concerns the whole key."""
    try:
        found = _kept(_binary(answer), address)
    except TooManyPackets as error:
        raise Failed(Reason.TOO_MANY) from error
    except OpenPgpError as error:
        raise Failed(Reason.NO_CERTIFICATE) from error
    if len(found) > MAX_CERTIFICATES or sum(_size(cut) + _size(whole) for cut, whole in found) > 2 * MAX_KEPT:
        raise Failed(Reason.TOO_MANY)
    return [(joined(cut), joined(whole)) for cut, whole in found]


def version(certificate: bytes) -> int:
    """The version of the primary key in one of `certificates`."""
    return certificate[_HEADER]


def _binary(answer: bytes) -> bytes:
    if not answer.lstrip().startswith(_ARMOR):
        return answer
    return b"".join(block.data for block in armor.dearmor(answer) if block.kind == "PUBLIC KEY BLOCK")


def _kept(data: bytes, address: Address) -> list[tuple[Parts, Parts]]:
    """Each certificate cut down, and whole."""
    cut: dict[Part, Parts] = {}
    whole: dict[Part, Parts] = {}
    for walked in packets.certificates(data, MAX_PACKETS):
        wanted = user_id_filter.showing(data, {address}, walked)
        primary = next(iter(wanted))
        cut[primary] = united(cut.get(primary, {}), wanted)
        whole[primary] = united(whole.get(primary, {}), user_id_filter.self_signed(data, walked), wanted)
    return [(cut[key], whole[key]) for key in cut if any(tag == packets.USER_ID for tag, _ in cut[key])]


def _size(whole: Parts) -> int:
    return len(whole) + sum(map(len, whole.values()))
