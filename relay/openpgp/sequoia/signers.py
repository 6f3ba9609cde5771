"""The relay's secret keys for an engine without an agent.

`keys generate` and `keys import --signing` put secret keys into the GnuPG home, whatever the engine is. This
takes a key out of it with gpg's own export, once, opens it with the passphrase of `sign.passphrase_file`
(GnuPG's protection costs a tenth of a second, by design), and keeps it open in this process's memory alone: nothing is
written anywhere. The price of the fast engine: the key is in the memory of the process that handles mail, where GnuPG
keeps it in an agent of its own. A key on a smart card cannot leave it: that is for the engine `gnupg`.

Raises `EngineError` with a sentence for the administrator.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysequoia

from relay.model.errors import EngineError
from relay.openpgp import call, signing
from relay.openpgp.gnupg import unlocking
from relay.openpgp.home import reachable
from relay.openpgp.sequoia.errors import Declined, translated

Signer = Any
"""`pysequoia.PySigner`."""

_FINGERPRINT = re.compile(r"[0-9A-F]{40}")


@dataclass(frozen=True, slots=True)
class _Opened:
    signer: Signer
    expires: int | None


class Signers:
    """Opened secret keys, by fingerprint."""

    def __init__(self, home: Path, passphrase: bytes | None) -> None:
        self._home = home
        self._passphrase = passphrase
        self._opened: dict[str, _Opened] = {}
        self._opening = asyncio.Lock()

    async def get(self, fingerprint: str) -> Signer:
        """The key, opened at its first use."""
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise EngineError("the signing key is named by its fingerprint")
        async with self._opening:
            if fingerprint not in self._opened:
                self._opened[fingerprint] = await self._open(fingerprint)
        opened = self._opened[fingerprint]
        if opened.expires is not None and opened.expires <= time.time():
            raise EngineError("the signing key has expired")
        return opened.signer

    async def _open(self, fingerprint: str) -> _Opened:
        known = next((key for key in await signing.secret_keys(self._home) if key.fingerprint == fingerprint), None)
        if known is None or not known.signs:
            raise EngineError("the keyring has no such key that may sign")
        return _Opened(_unlocked(await self._exported(fingerprint), self._passphrase), known.expires)

    async def _exported(self, fingerprint: str) -> bytes:
        with unlocking(self._passphrase) as (arguments, descriptors):
            result = await call.run(
                reachable(self._home),
                *arguments,
                "--export-secret-keys",
                fingerprint,
                passing=descriptors,
                seconds=signing.SECONDS,
            )
        if result.code != 0 or not result.output:
            raise EngineError(
                "the signing key cannot be opened: is sign.passphrase_file right? A smart card needs engine: gnupg"
            )
        return result.output


def _unlocked(exported: bytes, passphrase: bytes | None) -> Signer:
    """A key without a passphrase needs none, also where one is configured for others."""
    with translated("Sequoia does not read the signing key: engine: gnupg may"):
        key = pysequoia.Tsk.from_bytes(exported)
    for word in (None, _text(passphrase)) if passphrase is not None else (None,):
        try:
            with translated("the signing key does not open"):
                return key.signer(word)
        except Declined:
            continue
    raise EngineError("Sequoia does not sign with this key: is sign.passphrase_file right, and the key not too weak?")


def _text(passphrase: bytes) -> str:
    try:
        return passphrase.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineError("the passphrase in sign.passphrase_file is not UTF-8") from error
