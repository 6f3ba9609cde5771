"""Binary OpenPGP data taken apart into certificates and lone revocations.

Of a damaged certificate the primary key and the user ids are kept (`relay.mail.salvage`), where there are any. Nothing
is raised: what is no certificate is a sentence for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relay.mail import packets, salvage, signature
from relay.mail.certificate_parts import parts
from relay.mail.signature import Kind
from relay.model.errors import OpenPgpError

LARGEST_CERTIFICATE = 4 << 20

PRIVATE = (
    "This is a private key: import the public key alone (gpg --export). A key for the relay to sign with is made "
    "with `pgp-relay keys generate NAME ADDRESS`, or imported with `pgp-relay keys import --signing FILE`."
)
NOT_A_KEY = "This holds no OpenPGP key."
MESSAGE = "This is an OpenPGP message and no key."
_SIGNATURE = "This is a signature and no key."
_TOO_LARGE = (
    "This key is larger than 4 MiB, because of other people's signatures: export it with "
    "gpg --export-options export-minimal --export."
)
_CUT_OFF = "This key is cut off or damaged: copy the whole file, or ask for it again."
_AFTER = "The file is damaged after the last key: whatever followed could not be read."
_KEYBOX = "This is a GnuPG keybox: pgp-relay keys import --gnupg-home FOLDER imports from the folder that it is in."

_KEYS = frozenset({packets.PUBLIC_KEY, packets.SECRET_KEY})
_SECRETS = frozenset({packets.SECRET_KEY, packets.SECRET_SUBKEY})
_FILLING = frozenset({packets.MARKER, packets.PADDING})
_OF_MESSAGES = packets.DATA_PACKETS | {packets.PKESK, packets.SKESK}
_SPACE = b" \t\r\n\0"
_MOST_SPACE = 4096


@dataclass(frozen=True, slots=True)
class Piece:
    """The octets of a certificate, or of what is left of it; or a revocation that stands alone."""

    data: bytes
    damage: str = ""
    """Why the certificate is not whole, as a sentence."""
    revocation: bool = False
    """`data` is the body of a key revocation signature."""


@dataclass(slots=True)
class _Group:
    """The packets of one key: where they are, whether one is secret, and one a signature."""

    start: int
    end: int
    primary: int
    """Where the primary key ends."""
    secret: bool = False
    signed: bool = False


def pieces(data: memoryview) -> Iterator[Piece | str]:
    """The certificates and the faults, in their order."""
    group: _Group | None = None
    told = end = 0
    try:
        for packet in packets.walk(data, most=len(data)):
            end = packet.end
            if packet.tag in _KEYS:
                if group:
                    yield _certificate(data, group)
                group = _Group(packet.start, packet.end, packet.end)
            if group:
                group.end, group.secret = packet.end, group.secret or packet.tag in _SECRETS
                group.signed = group.signed or packet.tag == packets.SIGNATURE
            elif packet.tag not in _FILLING:
                told += 1
                found = _no_key(data, packet)
                yield from _behind(data, found) if isinstance(found, str) else (found,)
                if isinstance(found, str):
                    return
    except OpenPgpError:
        yield from _damaged(data, group, end)
        return
    if group or not told:
        yield _certificate(data, group) if group else NOT_A_KEY


def _behind(data: memoryview, otherwise: Piece | str) -> Iterator[Piece | str]:
    """The keys that begin somewhere behind the first octets, which are none."""
    start = salvage.beginning(bytes(data[1 : salvage.MOST_BEFORE + LARGEST_CERTIFICATE]))
    if start is None:
        yield otherwise
    else:
        yield from pieces(data[start + 1 :])


def _certificate(data: memoryview, group: _Group) -> Piece | str:
    if group.secret:
        return PRIVATE
    if group.end - group.start > LARGEST_CERTIFICATE:
        return _left_of(data[group.start : group.end], _TOO_LARGE)
    return Piece(bytes(data[group.start : group.end]))


def _damaged(data: memoryview, group: _Group | None, end: int) -> Iterator[Piece | str]:
    """What can be kept if the framing breaks at `end`: no packet begins there, or a truncated one."""
    if group is None:
        if bytes(data[8:12]) == b"KBXf":
            yield _KEYBOX
        else:
            yield from _behind(data, _left_of(data[end:], _CUT_OFF, NOT_A_KEY))
    elif data[end] & 0x80:
        yield PRIVATE if group.secret else _left_of(data[group.start :], _CUT_OFF)
    else:
        yield _certificate(data, group)
        if bytes(data[end : end + _MOST_SPACE]).strip(_SPACE):
            yield _AFTER if group.secret else _behind_a_key(data, group, end)


def _behind_a_key(data: memoryview, group: _Group, end: int) -> Piece | str:
    """What shows further addresses behind the last key: where nothing in it is signed, its own octets may be meant."""
    primary, rest = data[group.start : group.primary], data[end if group.signed else group.primary :]
    left = _left_of(b"\0".join((primary, rest)), _AFTER)  # no packet begins with 0
    known = salvage.bare(bytes(data[group.start : group.end])) or bytes(primary)
    return _AFTER if isinstance(left, Piece) and parts(left.data).keys() <= parts(known).keys() else left


def _left_of(data: packets.Octets, damage: str, nothing: str = "") -> Piece | str:
    """What can be kept of a key that is damaged or too large; a sentence where nothing can."""
    kept = salvage.bare(bytes(data[:LARGEST_CERTIFICATE]))
    return Piece(kept, damage) if kept else nothing or damage


def _no_key(data: memoryview, packet: packets.Packet) -> Piece | str:
    if packet.tag == packets.SIGNATURE:
        body = packets.body(data, packet)
        read = signature.read(body)
        return Piece(body, revocation=True) if read and read.kind == Kind.KEY_REVOCATION else _SIGNATURE
    return MESSAGE if packet.tag in _OF_MESSAGES else NOT_A_KEY
