"""Verifies signatures with Sequoia: `judged_signatures.Verifier`, 0.1 ms for an ordinary mail.

pysequoia only reports success: it does not say why a signature is not valid, nor that only its key is revoked or
expired. GnuPG verifies what Sequoia does not accept, so that both engines give the same verdict; version 6 is verified
by Sequoia alone. Raises what `GnuPGVerifier` raises.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pysequoia

from relay.mail import packets
from relay.mail.packets import packet
from relay.mail.signed_message import SignedMessage
from relay.model import Certificate
from relay.model.opened import Validity
from relay.openpgp.gnupg_verifier import GnuPGVerifier
from relay.openpgp.minimal import ORDINARY, REMEMBERED
from relay.openpgp.sequoia.errors import Declined, translated


class SequoiaVerifier:
    """Verifies in this process, holding its interpreter lock."""

    def __init__(self, home: Path, timeout: float = 30.0) -> None:
        self._gnupg = GnuPGVerifier(home, timeout)

    async def verdict(self, signed: SignedMessage, body: bytes, signer: Certificate) -> Validity:
        """Whether the signature holds."""
        if _holds(signed.content, packet(packets.SIGNATURE, body), signer):
            return Validity.GOOD
        return await self._gnupg.verdict(signed, body, signer) if signer.version == 4 else Validity.BAD


def _read(certificate: bytes) -> pysequoia.Cert:
    return pysequoia.Cert.from_bytes(certificate)


@lru_cache(maxsize=REMEMBERED)
def _remembered(certificate: bytes) -> pysequoia.Cert:
    """What is remembered is named by its very octets."""
    return _read(certificate)


def _holds(content: bytes, signature: bytes, signer: Certificate) -> bool:
    try:
        with translated("the signature does not hold"):
            cert = _remembered(signer.data) if len(signer.data) <= ORDINARY else _read(signer.data)
            read = pysequoia.Sig.from_bytes(signature)
            found = pysequoia.verify(bytes=content, store=lambda _: [cert], signature=read)
    except Declined:
        return False
    return [one.certificate.upper() for one in found.valid_sigs] == [signer.fingerprint]
