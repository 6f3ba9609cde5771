"""The verdict on each signature over a content, by the certificates given (RFC 9580 section 5.2).

The OpenPGP software verifies it (`Verifier`). The rest is decided here, the same for both engines: who made it, that it
is of a kind that signs documents, that its digest is not one that can be forged, and that neither it nor the key that
made it has ended or is revoked now.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from relay.mail import signature
from relay.mail.signed_message import SignedMessage
from relay.model import Certificate
from relay.model.component import Component
from relay.model.opened import Signature, Validity

DOCUMENTS = frozenset({0x00, 0x01})
"""Signature types over a binary and a text document (section 5.2.1)."""
DIGESTS = frozenset({8, 9, 10, 11, 12, 14})
"""SHA-2 and SHA-3 (section 9.5); with SHA-1 and older ones, two documents with the same digest can be made."""
NOBODY = "0" * 16


class Verifier(Protocol):
    """The OpenPGP software that verifies a signature."""

    async def verdict(self, signed: SignedMessage, body: bytes, signer: Certificate) -> Validity:
        """Whether the signature with this packet body holds over the content, made by that certificate.

        Raises `EngineError` or `EngineTimeout` for an outage.
        """


async def judged(signed: SignedMessage, signers: Sequence[Certificate], verifier: Verifier) -> tuple[Signature, ...]:
    """Each signature in its order."""
    return tuple([await _judged(signed, body, signers, verifier) for body in signed.signatures])


async def _judged(signed: SignedMessage, body: bytes, signers: Sequence[Certificate], verifier: Verifier) -> Signature:
    said = signature.read(body)
    if said is None:
        return Signature(None, NOBODY, 0, Validity.UNKNOWN)
    key_id = said.key_id or NOBODY
    if said.kind not in DOCUMENTS or said.hash not in DIGESTS or not said.created:
        return Signature(None, key_id, said.created, Validity.BAD, said.intended)
    best = Signature(None, key_id, said.created, Validity.UNKNOWN, said.intended)
    for signer, maker in _makers(said, signers):
        validity = await verifier.verdict(signed, body, signer)
        if validity is Validity.GOOD:
            validity = _now(said, signer, maker)
        found = Signature(signer.fingerprint, key_id, said.created, validity, said.intended)
        if validity not in {Validity.BAD, Validity.UNKNOWN}:
            return found
        best = found if validity is Validity.BAD else best
    return best


def _makers(said: signature.Signature, signers: Sequence[Certificate]) -> Iterator[tuple[Certificate, Component]]:
    """Who may have made it: more than one where it names several issuers."""
    for signer in signers:
        maker = next((part for part in signer.components if said.by(part.fingerprint)), None)
        if maker is not None:
            yield signer, maker


def _now(said: signature.Signature, signer: Certificate, maker: Component) -> Validity:
    """The verdict now on a signature that was valid when it was made. The stricter reading of a certificate counts."""
    now = time.time()
    if not signer.primary.valid or not maker.valid:
        return Validity.BAD
    if signer.primary.revoked or maker.revoked:
        return Validity.REVOKED
    if signer.primary.expired(now) or maker.expired(now) or (said.lasts and said.created + said.lasts <= now):
        return Validity.EXPIRED
    return Validity.GOOD
