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
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pysequoia

from relay.model import Signer
from relay.model.errors import EngineError
from relay.openpgp import call, signing
from relay.openpgp.arguments import alone, unlocking
from relay.openpgp.home import reachable
from relay.openpgp.sequoia.errors import Declined, translated

Opened = Any
"""`pysequoia.PySigner`."""
MOST_OWN = 500
"""Keys of own addresses that stay open: opening one takes a call of gpg."""

_FINGERPRINT = re.compile(r"[0-9A-F]{40}")


@dataclass(frozen=True, slots=True)
class _Key:
    opened: Opened
    expires: int | None


class Signers:
    """Opened secret keys. Those of own addresses are opened for the very certificate, so that a new one counts."""

    def __init__(self, home: Path, passphrase: bytes | None) -> None:
        self._home = home
        self._passphrase = passphrase
        self._known: dict[Signer, _Key] = {}
        self._own: OrderedDict[Signer, Opened] = OrderedDict()
        self._opening = asyncio.Lock()

    async def get(self, signer: Signer) -> Opened:
        """The key, opened at its first use."""
        if not _FINGERPRINT.fullmatch(signer.fingerprint):
            raise EngineError("the signing key is named by its fingerprint")
        if signer not in self._own and signer not in self._known:
            async with self._opening:  # others sign meanwhile
                await self._opened_first(signer)
        return self._own_key(signer) if signer.certificate else self._configured(signer)

    async def _opened_first(self, signer: Signer) -> None:
        if signer in self._own or signer in self._known:
            return
        if not signer.certificate:
            self._known[signer] = await self._open(signer)
            return
        self._own[signer] = _unlocked(await self._exported(signer), self._passphrase)
        if len(self._own) > MOST_OWN:
            self._own.popitem(last=False)

    def _configured(self, signer: Signer) -> Opened:
        key = self._known[signer]
        if key.expires is not None and key.expires <= time.time():
            raise EngineError("the signing key has expired")
        return key.opened

    def _own_key(self, signer: Signer) -> Opened:
        self._own.move_to_end(signer)
        return self._own[signer]

    async def _open(self, signer: Signer) -> _Key:
        held = await signing.secret_keys(self._home)
        known = next((key for key in held if key.fingerprint == signer.fingerprint), None)
        if known is None or not known.signs:
            raise EngineError("the keyring has no such key that may sign")
        certified = replace(signer, certificate=await signing.export_binary(self._home, signer.fingerprint))
        return _Key(_unlocked(await self._exported(certified), self._passphrase), known.expires)

    async def _exported(self, signer: Signer) -> bytes:
        with unlocking(self._passphrase) as (words, opened), alone(signer.certificate) as (keyring, certificate):
            result = await call.run(
                reachable(self._home),
                *words,
                *keyring,
                "--export-secret-keys",
                signer.fingerprint,
                passing=[*opened, *certificate],
                seconds=signing.SECONDS,
            )
        if result.code != 0 or not result.output:
            raise EngineError(
                "the signing key cannot be opened: is sign.passphrase_file right? A smart card needs engine: gnupg"
            )
        return result.output


def _unlocked(exported: bytes, passphrase: bytes | None) -> Opened:
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
