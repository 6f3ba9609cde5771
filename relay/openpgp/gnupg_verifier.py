"""Verifies signatures with GnuPG: `judged_signatures.Verifier`.

gpg is given one signature, what it is over, and the one certificate that made it, as files in memory: its keyring is
not read. The signature is always handed over apart from the content, as to Sequoia: of a text signature inside a
message GnuPG takes the line ends as they are, and of one apart as RFC 9580 section 5.2.1.2 says. Only its status lines
count. Raises `EngineTimeout` after the deadline, `EngineError` where it says nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from relay.mail import packets
from relay.mail.packets import packet
from relay.mail.signed_message import SignedMessage
from relay.model import Certificate
from relay.model.errors import EngineError
from relay.model.opened import Validity
from relay.openpgp import call, memory_file
from relay.openpgp.gnupg import default_parallel
from relay.openpgp.home import reachable

_OCTETS_A_SECOND = 1 << 20
_VERDICTS = {
    "GOODSIG": Validity.GOOD,
    "EXPSIG": Validity.EXPIRED,
    "EXPKEYSIG": Validity.EXPIRED,
    "REVKEYSIG": Validity.REVOKED,
    "BADSIG": Validity.BAD,
    "ERRSIG": Validity.BAD,
}
_UNKNOWN = frozenset({"4", "9"})
"""Reasons of ERRSIG: an algorithm that it does not know, a key that it does not have."""


class GnuPGVerifier:
    """Verifies, in the home where the engine encrypts."""

    def __init__(self, home: Path, timeout: float = 30.0) -> None:
        self._home = home
        self._timeout = timeout
        self._turns = asyncio.Semaphore(default_parallel())

    async def verdict(self, signed: SignedMessage, body: bytes, signer: Certificate) -> Validity:
        """Whether the signature holds."""
        if signer.version != 4:
            return Validity.UNKNOWN
        with memory_file.memories((signer.data, packet(packets.SIGNATURE, body))) as (keyring, signature):
            async with self._turns:
                result = await call.run(
                    reachable(self._home),
                    "--lock-never",
                    "--no-default-keyring",
                    f"--keyring={memory_file.name(keyring)}",
                    "--verify",
                    memory_file.name(signature),
                    "-",
                    content=signed.content,
                    seconds=self._timeout + len(signed.content) / _OCTETS_A_SECOND,
                    passing=[keyring, signature],
                )
        return _verdict(result, signer)


def _verdict(result: call.Result, signer: Certificate) -> Validity:
    found = [(word, value.split()) for word, value in result.status if word in _VERDICTS]
    if not found and any(word == "NODATA" for word, _ in result.status):
        return Validity.BAD  # it cannot be read as a signature
    if len(found) != 1:
        raise EngineError("gpg does not say whether a signature holds")
    word, values = found[0]
    if word == "ERRSIG":
        return Validity.UNKNOWN if values[5:6] and values[5] in _UNKNOWN else Validity.BAD
    if word == "BADSIG":
        return Validity.BAD
    primaries = [value.split()[-1] for keyword, value in result.status if keyword == "VALIDSIG"]
    if primaries != [signer.fingerprint]:
        raise EngineError("gpg does not say who made a signature")
    return _VERDICTS[word]
