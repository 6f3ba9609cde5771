"""The engine in process: Sequoia signs and encrypts (RFC 9580 sections 5.1, 5.13 and 10.3).

Promises what `relay.openpgp.gnupg` promises, with the same checks on what was written: PKESK packets for each
certificate's usable parts and for nothing else, then one SEIPD packet, without compression. Its version is 1, unless
every certificate announces in its Features that version 2 may be sent to it: GnuPG reads version 1 alone. Whether a key
may be used is decided here before Sequoia is asked, and the parts that must not be used are cut away: by itself Sequoia
encrypts to expired and to revoked keys.

What Sequoia declines (SHA-1 bindings, DSA, ElGamal, RSA under 2048 bits, a curve it lacks) GnuPG encrypts, and what
Sequoia would write in version 2 to certificates that announce nothing: the whole message, since it is one. A message to
a version 6 certificate, which GnuPG cannot read, is encrypted here or not.

It holds the GIL while it works, 0.2 ms for an ordinary mail: callers give large mails to another process.
Raises `EngineError`, and `EngineTimeout` where GnuPG took too long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import pysequoia

from relay.mail import packets
from relay.model import Certificate, Signer
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp import password_message
from relay.openpgp.gnupg import MOST_RECIPIENTS, GnuPG, check_signature
from relay.openpgp.minimal import ORDINARY, REMEMBERED, trimmed
from relay.openpgp.sequoia.errors import Declined, translated
from relay.openpgp.sequoia.signers import Opened, Signers
from relay.process.pool import run_apart


class Sequoia:
    """`ports.Engine` with pysequoia; `home` is the keyring folder, `passphrase` opens its secret keys."""

    def __init__(self, home: Path, timeout: float = 30.0, passphrase: bytes | None = None) -> None:
        self._signers = Signers(home, passphrase)
        self._gnupg = GnuPG(home, timeout, passphrase)

    async def prepare(self, signers: Iterable[str]) -> None:
        """Open these secret keys now, so that a wrong passphrase shows at start."""
        for fingerprint in signers:
            await self._signers.get(Signer(fingerprint))

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        """One message for all `certificates`, signed by `signer`."""
        recipients = list({certificate.fingerprint: certificate for certificate in certificates}.values())
        if not 1 <= len(recipients) <= MOST_RECIPIENTS:
            raise EngineError(f"a message is encrypted for 1 to {MOST_RECIPIENTS} keys at a time")
        signs = await self._signers.get(signer) if signer is not None else None
        at = time.time()
        try:
            message = _encrypted(payload, recipients, signs, at)
        except (Declined, OpenPgpError) as error:
            if any(certificate.version != 4 for certificate in recipients):
                raise EngineError(
                    "Sequoia does not encrypt to these keys, and GnuPG cannot read one of them"
                ) from error
            return await self._gnupg.encrypt(payload, recipients, signer)
        _check(message, recipients, at)
        return message

    async def sign(self, content: bytes, signer: Signer) -> bytes:
        """Return a detached signature over `content`, binary. Raises `EngineError`."""
        opened = await self._signers.get(signer)
        with translated("Sequoia does not sign with this key"):
            mode = pysequoia.SignatureMode.DETACHED
            signature = bytes(pysequoia.sign(opened, content, mode=mode, armor=False))
        check_signature(signature)
        return signature

    async def lock(self, payload: bytes, code: str) -> bytes:
        """One message that this code opens, made in another process: deriving the key takes long and holds the GIL."""
        return await run_apart(len(payload), locked, payload, password_message.password(code))


async def locked(payload: bytes, code: str) -> bytes:
    """Runs in the other process: return the message that this code opens."""
    with translated("Sequoia does not encrypt with this password"):
        message = bytes(pysequoia.encrypt(payload, passwords=[code], armor=False))
    password_message.check(message)
    return message


def _encrypted(payload: bytes, recipients: Sequence[Certificate], signer: Opened | None, at: float) -> bytes:
    if _writes_version_2(recipients) and not all(certificate.takes_seipd2 for certificate in recipients):
        raise Declined("Sequoia takes a certificate that announces no Features for one that asks for SEIPD version 2")
    cut = [trimmed(certificate, at) for certificate in recipients]
    with translated("Sequoia does not encrypt to one of these keys"):
        certs = [_remembered(data) if len(data) <= ORDINARY else _read(data) for data in cut]
        message = bytes(pysequoia.encrypt(payload, recipients=certs, signer=signer, armor=False))
    *_, data = packets.walk(message)
    if message[data.body_start] == 2 and not all(certificate.takes_seipd2 for certificate in recipients):
        raise Declined("Sequoia reads the Features of one of these certificates otherwise than we do")
    return message


def _writes_version_2(recipients: Sequence[Certificate]) -> bool:
    """Whether Sequoia writes a SEIPD packet of version 2: unless one of them announces Features without it."""
    return all(certificate.features is None or certificate.takes_seipd2 for certificate in recipients)


def _read(certificate: bytes) -> pysequoia.Cert:
    return pysequoia.Cert.from_bytes(certificate)


@lru_cache(maxsize=REMEMBERED)
def _remembered(certificate: bytes) -> pysequoia.Cert:
    """Reading takes half as long as encrypting to it; what is remembered is named by its very octets."""
    return _read(certificate)


def _check(message: bytes, recipients: Sequence[Certificate], at: float) -> None:
    """Check that each certificate has a session key packet for one of its usable subkeys, and no other has one."""
    try:
        *keys, data = packets.walk(message)
        named = [packets.pkesk_key_id(packets.body(message, packet)) for packet in keys]
    except (OpenPgpError, ValueError) as error:
        raise EngineError("what Sequoia wrote is not one whole message") from error
    if any(packet.tag != packets.PKESK for packet in keys) or data.tag != packets.SEIPD:
        raise EngineError("Sequoia did not write an encrypted message in the standard's packets")
    allowed = {1, 2} if all(certificate.takes_seipd2 for certificate in recipients) else {1}
    if message[data.body_start] not in allowed:
        raise EngineError("Sequoia did not write a SEIPD packet of a version that these certificates take")
    meant = [{part.key_id for part in certificate.encryption_components(at)} for certificate in recipients]
    if not all(ids.intersection(named) for ids in meant) or not set().union(*meant).issuperset(named):
        raise EngineError("Sequoia did not write the session keys for these certificates and no others")
