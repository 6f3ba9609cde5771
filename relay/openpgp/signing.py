"""The relay's own signing keys, in the GnuPG home.

`generate` makes an Ed25519 key that certifies and signs, and nothing more. It has no encryption subkey: it would invite
replies encrypted to the relay, which nobody could read. It has no expiry date: the relay signs unattended, and all mail
would wait once the date had passed; to end a key, revoke it (GnuPG stores a revocation certificate in
`openpgp-revocs.d`) or set a date by hand.

Secret keys stay with gpg-agent; nothing here reads one. Everything raises `EngineError` with a sentence for
the administrator, and never with gpg's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.model import Address, Signer, Unreadable
from relay.model.errors import AddressError, EngineError
from relay.openpgp import call
from relay.openpgp.arguments import signing, unlocking
from relay.openpgp.colon_listing import Listing, listings
from relay.openpgp.home import reachable
from relay.openpgp.prefilter import whole

SECONDS = 60.0

_FINGERPRINT = re.compile(r"(?:0x)?((?:[0-9A-Fa-f] *){40})")
_UNFIT_FOR_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f<>@]")


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A new signing key."""

    fingerprint: str
    armored_public: str
    """For correspondents, who verify with it."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A secret key of the home."""

    fingerprint: str
    addresses: tuple[Address, ...]
    created: int
    expires: int | None
    signs: bool
    """It may sign now: it has the capability and is neither revoked nor expired."""
    user_ids: tuple[str, ...]
    on_card: bool
    """Its secret part is on a card, not in the home."""


async def generate(home: Path, name: str, address: str, passphrase: bytes | None = None) -> GeneratedKey:
    """Make a signing key with the user id `name <address>`."""
    user_id = _user_id(name, address)
    if any(Address(address) in key.addresses and key.signs for key in await secret_keys(home)):
        raise EngineError(f"the keyring has a signing key for {address} already")
    return await _generate(home, user_id, passphrase)


async def generate_organisation(home: Path, name: str, passphrase: bytes | None = None) -> GeneratedKey:
    """Make the key that certifies the certificates of our own addresses; its user id is `name` alone."""
    if not name.strip() or _UNFIT_FOR_A_NAME.search(name):
        raise EngineError("the organisation's key has a name without <, > and @")
    return await _generate(home, name.strip(), passphrase)


async def _generate(home: Path, user_id: str, passphrase: bytes | None) -> GeneratedKey:
    with unlocking(passphrase or b"") as (arguments, descriptors):
        result = await _gpg(
            home,
            *arguments,
            "--yes",  # an expired or revoked key may have the same user id
            "--quick-generate-key",
            user_id,
            "ed25519",
            "sign",
            "never",
            passing=descriptors,
        )
    made = str(result.told("generate").fingerprint)
    if result.code != 0 or not made:
        raise EngineError("gpg did not make a key")
    return GeneratedKey(made, await export(home, made))


async def generate_successor(home: Path, fingerprint: str, passphrase: bytes | None = None) -> GeneratedKey:
    """Make a key with the user id of that one."""
    result = await _look(home, "--list-secret-keys", fingerprint)
    found = [user_id.text for key in listings(result.output) for user_id in key.user_ids]
    if not found:
        raise EngineError("the keyring has no such key")
    return await _generate(home, found[0], passphrase)


async def revoke(home: Path, fingerprint: str) -> None:
    """Revoke it by the revocation certificate that GnuPG laid down when it was made."""
    try:
        revocation = (home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_bytes()
    except OSError as error:
        raise EngineError(f"the revocation certificate of {fingerprint} is not in the keyring folder") from error
    result = await _gpg(home, "--import", content=revocation.replace(b":-----BEGIN", b"-----BEGIN", 1))
    if result.code != 0:
        raise EngineError(f"gpg did not revoke {fingerprint}")


async def export(home: Path, fingerprint: str) -> str:
    """The armored public half of a key in the home."""
    result = await _look(home, "--armor", "--export", fingerprint)
    if result.code != 0 or not result.output:
        raise EngineError("the keyring has no such key")
    return result.output.decode("ascii")


async def export_binary(home: Path, fingerprint: str) -> bytes:
    """The public half of a key in the home, binary."""
    result = await _look(home, "--export", fingerprint)
    if result.code != 0 or not result.output:
        raise EngineError("the keyring has no such key")
    if isinstance(whole(result.output), Unreadable):
        raise EngineError("gpg does not export a whole key")
    return result.output


async def secret_keys(home: Path) -> list[SecretKey]:
    """All of the home."""
    result = await _look(home, "--list-secret-keys")
    if result.code != 0 and not any(keyword == "ERROR" for keyword, _ in result.status):
        raise EngineError("gpg does not list the secret keys of the keyring")
    return [_secret_key(key) for key in listings(result.output)]


async def resolve(home: Path, selector: str) -> str:
    """Return the fingerprint of the signing key that is meant: by fingerprint, or by address.

    Of several keys with the same user ids the newest is meant: it was made in place of the others.
    """
    keys = await secret_keys(home)
    meant = [key for key in keys if _matches(key, selector)]
    if not meant:
        raise EngineError(
            f"the keyring has no secret key {selector}: pgp-relay keys generate NAME ADDRESS, or "
            "pgp-relay keys import --signing FILE"
        )
    alive = [key for key in meant if key.signs]
    if not alive:
        raise EngineError(f"the secret key {selector} is revoked, expired, or may not sign")
    if len({key.user_ids for key in alive}) > 1:
        raise EngineError(f"the keyring has several secret keys for {selector}: name one by its fingerprint")
    return max(alive, key=lambda key: (key.created, key.fingerprint)).fingerprint


async def can_sign(home: Path, fingerprint: str, passphrase: bytes | None = None) -> None:
    """Make a signature; raises where none comes."""
    certificate = await export_binary(home, fingerprint)
    with signing(Signer(fingerprint, certificate), passphrase) as (arguments, descriptors):
        result = await _gpg(home, *arguments, "--detach-sign", passing=descriptors)
    if result.code != 0 or not result.told("sign") or not result.output:
        raise EngineError("the key makes no signature: is sign.passphrase_file right, and gpg-agent installed?")


async def import_secret(home: Path, data: bytes) -> list[str]:
    """Take secret keys into the home; their fingerprints. A passphrase they have they keep."""
    result = await _gpg(home, "--import", content=data)
    report = result.told("import")
    if not report.sec_read:
        raise EngineError("the file holds no secret key")
    if result.code != 0 or report.sec_imported + report.sec_dups == 0:
        raise EngineError("gpg did not take the secret key")
    held = {key.fingerprint for key in await secret_keys(home)}
    return [fingerprint for fingerprint in dict.fromkeys(report.fingerprints) if fingerprint in held]


async def _gpg(home: Path, *arguments: str, content: bytes = b"", passing: Sequence[int] = ()) -> call.Result:
    return await call.run(reachable(home), *arguments, content=content, passing=passing, seconds=SECONDS)


async def _look(home: Path, *arguments: str) -> call.Result:
    return await call.look(reachable(home), *arguments, seconds=SECONDS)


def _user_id(name: str, address: str) -> str:
    try:
        Address(address)
    except AddressError as error:
        raise EngineError(f"no address: {error}") from error
    if not name.strip() or _UNFIT_FOR_A_NAME.search(name) or "@" not in address:
        raise EngineError("a key has a name without <, > and @, and an address")
    return f"{name.strip()} <{address}>"


def _secret_key(key: Listing) -> SecretKey:
    primary = key.components[0]
    return SecretKey(
        fingerprint=key.fingerprint,
        addresses=tuple(dict.fromkeys(u.address for u in key.user_ids if u.address and not u.revoked)),
        created=primary.created,
        expires=primary.expires,
        signs="S" in key.capabilities,  # the capital stands for what the whole key can do now
        user_ids=tuple(user_id.text for user_id in key.user_ids),
        on_card=key.token not in {"", "+", "#"},
    )


def _matches(key: SecretKey, selector: str) -> bool:
    if match := _FINGERPRINT.fullmatch(selector.strip()):
        return match[1].replace(" ", "").upper() == key.fingerprint
    try:
        return Address(selector) in key.addresses
    except AddressError:
        return False
