"""A version 6 certificate as values, read packet by packet (RFC 9580 sections 5.2, 5.5 and 10.1).

Nothing in a signature counts unless Sequoia has verified it: user ids and the primary key's end are its own answers,
and a subkey's binding is the newest with which, standing alone, Sequoia encrypts to that subkey (it looks at no times
then, so those are read from that very signature). Revocations are the exception: one that names the primary key as its
issuer counts as it stands, which can only keep a key from being used.

Raises `EngineError` where Sequoia does not take it, `OpenPgpError` where its framing breaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pysequoia
from pysequoia.packet import PacketPile, SignatureType, Tag

from relay.mail import packets
from relay.model import Certificate, Component, UserId
from relay.model import user_id as userid
from relay.openpgp.sequoia.errors import Declined, translated

_REVOCATIONS = (SignatureType.KeyRevocation, SignatureType.SubkeyRevocation, SignatureType.CertificationRevocation)
_MOST_BINDINGS = 20
"""Of one subkey, the newest first: more are somebody's attempt to keep us busy."""

_Packet = Any
"""`pysequoia.packet.Packet`."""


@dataclass(slots=True)
class _Part:
    """A key or a user id, and the signatures behind it that name the primary key as their issuer."""

    packet: _Packet
    signatures: list[_Packet] = field(default_factory=list)

    @property
    def octets(self) -> bytes:
        return b"".join(map(bytes, (self.packet, *self.signatures)))

    @property
    def fingerprint(self) -> str:
        return str(self.packet.fingerprint).upper()

    @property
    def flagged(self) -> bool:
        return any(_encrypts(signature) for signature in self.signatures)

    def revoked(self, by: SignatureType) -> bool:
        return any(signature.signature_type == by for signature in self.signatures)

    def bindings(self) -> list[_Packet]:
        dated = [s for s in self.signatures if s.signature_created and s.signature_type not in _REVOCATIONS]
        return sorted(dated, key=lambda signature: signature.signature_created, reverse=True)[:_MOST_BINDINGS]


def certificate(blob: bytes) -> Certificate:
    """The verdict on one version 6 certificate, also where it has no user id."""
    with translated("Sequoia does not take this key"):
        cert = pysequoia.Cert.from_bytes(blob)
        parts = _own(cert)
        names = {str(user_id) for user_id in cert.user_ids}
        end = cert.expiration
    user_ids = tuple(_user_id(part, names) for part in parts if part.packet.tag == Tag.UserID)
    subkeys = [part for part in parts if part.packet.tag == Tag.PublicSubkey]
    head = [part for part in parts if part.packet.tag != Tag.PublicSubkey]
    whole = b"".join(part.octets for part in head)
    components = (_primary(head, whole, end), *(_subkey(part, whole) for part in subkeys))
    return Certificate(b"".join(part.octets for part in parts), 6, components, user_ids)


def _own(cert: Any) -> list[_Part]:  # noqa: ANN401  untyped library
    """Its parts in Sequoia's order. Other people's signatures are left out."""
    parts: list[_Part] = []
    for packet in PacketPile.from_bytes(bytes(cert)):
        if packet.tag != Tag.Signature:
            parts.append(_Part(packet))
        elif packet.issuer_fingerprint == cert.fingerprint:
            parts[-1].signatures.append(packet)
    return parts


def _user_id(part: _Part, names: set[str]) -> UserId:
    revoked = part.revoked(SignatureType.CertificationRevocation)
    return userid.read(part.packet.body, revoked=revoked, valid=part.packet.user_id in names)


def _primary(head: Sequence[_Part], whole: bytes, end: datetime | None) -> Component:
    primary = head[0]
    return Component(
        fingerprint=primary.fingerprint,
        algorithm=_algorithm(primary.packet),
        created=_seconds(primary.packet.key_created),
        expires=_seconds(end) if end else None,
        encrypts=any(part.flagged for part in head) and _takes(whole, primary.fingerprint),
        revoked=primary.revoked(SignatureType.KeyRevocation),
    )


def _subkey(part: _Part, head: bytes) -> Component:
    binding = next((s for s in part.bindings() if _binds(s, part, head)), None)
    life = binding.key_validity_period if binding else None
    return Component(
        fingerprint=part.fingerprint,
        algorithm=_algorithm(part.packet),
        created=_seconds(part.packet.key_created),
        expires=_seconds(part.packet.key_created + life) if life else None,
        encrypts=part.flagged,
        revoked=part.revoked(SignatureType.SubkeyRevocation),
        valid=binding is not None or not part.flagged,  # of what does not encrypt nobody asks
    )


def _binds(signature: _Packet, part: _Part, head: bytes) -> bool:
    alone = head + bytes(part.packet) + bytes(signature)
    return _encrypts(signature) and _takes(alone, part.fingerprint)


def _takes(octets: bytes, fingerprint: str) -> bool:
    """Sequoia encrypts to this certificate with this component."""
    try:
        with translated("not bound"):
            message = bytes(pysequoia.encrypt(b"", recipients=[pysequoia.Cert.from_bytes(octets)], armor=False))
    except Declined:
        return False
    first = next(packets.walk(message))
    return packets.pkesk_key_id(packets.body(message, first)) == fingerprint[:16]


def _encrypts(signature: _Packet) -> bool:
    flags = signature.key_flags
    return flags is not None and bool(flags.transport_encryption or flags.storage_encryption)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _algorithm(packet: _Packet) -> str:
    """As people write it: `x25519`, `rsa4096`."""
    name = repr(packet.key_algorithm).rpartition(".")[2]
    if name == "RSAEncryptSign":
        return f"rsa{int.from_bytes(packet.body[10:12], 'big')}"
    return name.lower()
