"""Certificates for our own addresses, made and changed with GnuPG: `relay.own.ports.KeyMaker`.

Each has a primary key that only certifies, a signing subkey, and an encryption subkey with an end; one user id,
`<address>`; and the certification of the organisation's key. The secret parts lie in the keyring folder, one file a
keygrip, without a passphrase: the relay opens and signs mail unattended. The public parts are returned and are not
kept in GnuPG's keyring (`scratch_home`).

Raises `EngineError` and `EngineTimeout`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import time

from relay.mail import fingerprints, packets
from relay.model import Address
from relay.model.errors import EngineError, OpenPgpError
from relay.model.own import OwnKey, OwnSubkey
from relay.openpgp import ecdh, memory_file, secret_parts
from relay.openpgp.arguments import unlocking
from relay.openpgp.colon_listing import Listing, is_whole, keygrips, listings
from relay.openpgp.prefilter import certificate_fingerprint
from relay.openpgp.scratch_home import REVOCATIONS, SECRETS, ScratchHome, scratch_home

MOST_AT_ONCE = 50
"""Certificates of one scratch home: gpg reads its whole keyring at each call."""

_PARAMETERS = """Key-Type: eddsa
Key-Curve: ed25519
Key-Usage: cert
Subkey-Type: eddsa
Subkey-Curve: ed25519
Subkey-Usage: sign
Name-Email: {address}
Expire-Date: 0
Handle: {number}
%commit
"""
_NEVER_ASK = ("--pinentry-mode", "loopback", "--passphrase-fd")


class GnuPGKeyMaker:
    """Makes them in the keyring folder `home`; `organisation` is the fingerprint of the key that certifies them."""

    def __init__(self, home: Path, organisation: str, organisation_data: bytes, passphrase: bytes | None) -> None:
        self._home = home
        self._organisation = organisation
        self._organisation_data = organisation_data
        self._passphrase = passphrase

    async def make(self, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
        """A new certificate for each; their encryption subkeys end in `valid` seconds."""
        made: list[OwnKey] = []
        for start in range(0, len(addresses), MOST_AT_ONCE):
            async with scratch_home(self._home, self._organisation_data) as scratch:
                made += await self._make(scratch, addresses[start : start + MOST_AT_ONCE], valid)
        await secret_parts.on_disk()
        return made

    async def rotate(self, keys: Sequence[OwnKey], valid: float) -> list[OwnKey]:
        """These certificates with a new encryption subkey each, up to the first one for which that fails."""
        rotated: list[OwnKey] = []
        for key in keys:
            try:
                rotated.append(await self._rotated(key, valid))
            except EngineError:
                if not rotated:
                    raise
                break  # what was made is used
        await secret_parts.on_disk()
        return rotated

    async def _rotated(self, key: OwnKey, valid: float) -> OwnKey:
        async with scratch_home(self._home, key.data) as scratch:
            await _add_subkey(scratch, key.fingerprint, valid)
            (exported,) = await _exported(scratch, [key.fingerprint])
        self._expect_kept(subkey for subkey in exported.subkeys if subkey not in key.subkeys)
        return replace(key, data=exported.data, subkeys=exported.after(key).subkeys)

    async def revoke(self, key: OwnKey) -> OwnKey:
        """The same certificate, revoked by the revocation that GnuPG laid down when it was made."""
        file = self._home / REVOCATIONS / f"{key.fingerprint}.rev"
        try:
            revocation = file.read_bytes().replace(b":-----BEGIN", b"-----BEGIN", 1)
        except OSError as error:
            raise EngineError("the revocation certificate of this key is not in the keyring folder") from error
        async with scratch_home(self._home, key.data) as scratch:
            await scratch.gpg("--trust-model", "pgp", "--import", content=revocation)
            (exported,) = await _exported(scratch, [key.fingerprint])
        return replace(key, data=exported.data)

    async def missing(self, key: OwnKey) -> list[OwnSubkey]:
        """The encryption subkeys whose secret part is not in the keyring folder."""
        return [subkey for subkey in key.subkeys if not self._file(subkey).exists()]

    async def forget(self, subkey: OwnSubkey) -> None:
        """Delete the secret part: what was encrypted to this subkey can never be opened again."""
        await self.sweep([subkey.keygrip])

    async def sweep(self, keygrips: Collection[str]) -> None:
        """The same for all of these that this node has."""
        try:
            await asyncio.to_thread(_delete, self._home / SECRETS, keygrips)
        except OSError as error:
            raise EngineError("a secret part cannot be deleted from the keyring folder") from error

    async def _make(self, scratch: ScratchHome, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
        parameters = "".join(
            _PARAMETERS.format(address=address.text, number=number) for number, address in enumerate(addresses)
        )
        told = await scratch.gpg("--full-generate-key", content=f"%no-protection\n{parameters}".encode())
        created = [words.split() for keyword, words in told.status if keyword == "KEY_CREATED"]
        handles = {handle: fingerprint for _, fingerprint, handle in created}
        if len(handles) != len(addresses):
            raise EngineError("gpg does not say which certificates it made")
        fingerprints = [handles[str(number)] for number in range(len(addresses))]
        for fingerprint in fingerprints:
            await _add_subkey(scratch, fingerprint, valid)
            await self._certify(scratch, fingerprint)
        exported = await _exported(scratch, fingerprints)
        self._expect_kept(subkey for key in exported for subkey in key.subkeys)
        return [replace(key, address=address) for key, address in zip(exported, addresses, strict=True)]

    def _expect_kept(self, made: Iterable[OwnSubkey]) -> None:
        """Raise `EngineError` where a secret part does not belong to the public one that correspondents encrypt to.

        gpg-agent 2.2 writes few secrets as text, and of some of these it loses a blank where it folds the line.
        """
        for subkey in made:
            secret = ecdh.secret(secret_parts.read(self._home, subkey.keygrip)[::-1])
            if secret.public_key().public_bytes_raw() != ecdh.subkey(subkey.public).point:
                raise EngineError("gpg did not keep the secret part that it made")

    async def _certify(self, scratch: ScratchHome, fingerprint: str) -> None:
        with unlocking(self._passphrase or b"") as (arguments, descriptors):
            words = (*arguments, "--yes", "--local-user", self._organisation, "--quick-sign-key", fingerprint)
            await scratch.gpg(*words, passing=tuple(descriptors))

    def _file(self, subkey: OwnSubkey) -> Path:
        return self._home / SECRETS / f"{subkey.keygrip}.key"


def _delete(folder: Path, keygrips: Collection[str]) -> None:
    if len(keygrips) > 1:  # a look at the folder costs less than one at each file
        keygrips = {file.stem for file in folder.glob("*.key")}.intersection(keygrips)
    for keygrip in keygrips:
        file = folder / f"{keygrip}.key"
        with suppress(FileNotFoundError):
            octets = file.stat().st_size
            with file.open("r+b", buffering=0) as secret:
                secret.write(bytes(octets))
            file.unlink()


async def _add_subkey(scratch: ScratchHome, fingerprint: str, valid: float) -> None:
    end = f"seconds={round(valid)}"
    with memory_file.memory(b"\n") as fd:
        words = (*_NEVER_ASK, str(fd), "--quick-add-key", fingerprint, "cv25519", "encr", end)
        await scratch.gpg(*words, passing=(fd,))


async def _exported(scratch: ScratchHome, fingerprints: Sequence[str]) -> list[OwnKey]:
    """As GnuPG has them now, in this order."""
    octets = (await scratch.gpg("--export", *fingerprints)).output
    listing = (await scratch.gpg("--with-keygrip", "--list-keys", *fingerprints)).output
    listed, grips = {key.fingerprint: key for key in listings(listing)}, keygrips(listing)
    try:
        data = {certificate_fingerprint(one): one for one in packets.split_certificates(octets)}
        if not all(is_whole(listed[one], data[one]) for one in fingerprints):
            raise EngineError("gpg does not export a whole certificate")
        return [_own(listed[fingerprint], data[fingerprint], grips) for fingerprint in fingerprints]
    except (OpenPgpError, KeyError) as error:
        raise EngineError("gpg does not export a whole certificate") from error


def _own(listing: Listing, data: bytes, grips: Mapping[str, str]) -> OwnKey:
    encryption = sorted((part for part in listing.components if part.encrypts), key=lambda part: part.created)
    found = (packets.body(data, one) for one in packets.walk(data) if one.tag == packets.PUBLIC_SUBKEY)
    bodies = {fingerprints.fingerprint(body): body for body in found}
    (address,) = (user_id.address for user_id in listing.user_ids)
    if address is None:
        raise EngineError("gpg made a key whose user id shows no address")
    return OwnKey(
        address=address,
        fingerprint=listing.fingerprint,
        data=data,
        subkeys=tuple(
            OwnSubkey(
                part.fingerprint, part.created, part.expires or 0, grips[part.fingerprint], bodies[part.fingerprint]
            )
            for part in encryption
        ),
        created=listing.components[0].created,
        changed=round(time()),
    )
