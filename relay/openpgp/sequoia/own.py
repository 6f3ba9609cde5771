"""Certificates for our own addresses where the engine is Sequoia: `relay.own.ports.KeyMaker`, 2 ms each.

They are made in this process, or many at once in one that no mail waits for; the organisation's certification is
Sequoia's work. Secret parts go where gpg-agent keeps them, as do revocations, so that everything else that is done to a
certificate (a new subkey, a revocation, deletion) is GnuPG's work for both engines: it is done one at a time.

Raises `EngineError` and `EngineTimeout`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pysequoia

from relay.mail.armor import enarmor
from relay.mail.fingerprints import fingerprint
from relay.model import Address, Signer
from relay.model.errors import EngineError
from relay.model.own import OwnKey, OwnSubkey
from relay.openpgp import new_certificate, secret_parts
from relay.openpgp.new_certificate import NewCertificate
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.scratch_home import REVOCATIONS
from relay.openpgp.sequoia.errors import translated
from relay.openpgp.sequoia.signers import Opened, Signers
from relay.process.pool import run_in_background

MOST_HERE = 5
"""Certificates that are made in this process, which may handle mail."""
MOST_AT_ONCE = 200
"""Certificates that are handed to the other process at a time, which has its deadline."""


@dataclass(frozen=True, slots=True)
class Making:
    """What making certificates needs, in this process or another."""

    home: Path
    organisation: str
    passphrase: bytes | None = field(repr=False)


class SequoiaKeyMaker(GnuPGKeyMaker):
    """Makes own certificates in the keyring folder `home`, certified by the key with the fingerprint `organisation`."""

    def __init__(self, home: Path, organisation: str, organisation_data: bytes, passphrase: bytes | None) -> None:
        super().__init__(home, organisation, organisation_data, passphrase)
        self._making = Making(home, organisation, passphrase)

    async def make(self, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
        """A new certificate for each; their encryption subkeys end in `valid` seconds."""
        if len(addresses) <= MOST_HERE:
            return await make(self._making, addresses, valid)
        made: list[OwnKey] = []
        for at in range(0, len(addresses), MOST_AT_ONCE):
            some = addresses[at : at + MOST_AT_ONCE]
            made += await run_in_background(len(some), make, self._making, some, valid)
        return made


async def make(making: Making, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
    """In whatever process: the certificates, their secret parts written."""
    certifier = await _signers(making).get(Signer(making.organisation))
    made = [_make(making.home, certifier, address, round(valid)) for address in addresses]
    await secret_parts.on_disk()
    return made


@lru_cache(maxsize=2)
def _signers(making: Making) -> Signers:
    return Signers(making.home, making.passphrase)


def _make(home: Path, certifier: Opened, address: Address, valid: int) -> OwnKey:
    now = int(time.time())
    user_id = address.text
    new = new_certificate.make(user_id, now, valid)
    with translated("Sequoia does not certify this certificate"):
        data = bytes(pysequoia.Cert.from_bytes(new.data).add_user_id(user_id, certifier))
    _keep(home, new)
    subkey = OwnSubkey(fingerprint(new.encryption), now, now + valid, new.secrets[-1].keygrip, new.encryption)
    return OwnKey(address, new.fingerprint, data, (subkey,), created=now, changed=now)


def _keep(home: Path, new: NewCertificate) -> None:
    try:
        revocation = b":" + enarmor(new.revocation, "PUBLIC KEY BLOCK")
        secret_parts.create(home / REVOCATIONS / f"{new.fingerprint}.rev", revocation)
    except OSError as error:
        raise EngineError("a revocation cannot be written to the keyring folder") from error
    for part in new.secrets:
        secret_parts.write(home, part.keygrip, part.curve, part.public, part.secret)
