"""Describes a key that a visitor sent, for the person who looks at the page; nothing is decided by it.

Nothing is verified here: the service has no OpenPGP software. The relay judges the key itself, and the mail that is
encrypted to it proves whose it is. Raises `NoKey` with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from relay.mail import key_armor, packets, signature
from relay.mail.certificate_parts import Parts, parts
from relay.mail.fingerprints import fingerprint
from relay.mail.key_packet import OLD, RSA, KeyPacket
from relay.mail.signature import CERTIFICATIONS, Kind, Signature
from relay.model import Address, user_id
from relay.model.errors import OpenPgpError, RelayError, SecretKeyFound, TooManyPackets
from relay.model.fingerprint_words import groups

LARGEST = 256 << 10
"""Octets of a key as it is sent, in ASCII armor."""
MOST_PACKETS = 2000
MOST_USER_IDS = 20

_SMALLEST_RSA = 2048
_WEAK_HASHES = frozenset({1, 2, 3})
_ENCRYPTS = 0x0C
"""Of the key flags: communications and storage."""


class Fault(StrEnum):
    """Why there is no key in what was sent; the texts of the page have a sentence for each."""

    EMPTY = "empty"
    NO_KEY = "no_key"
    SECRET = "secret"  # noqa: S105  a word of the page
    SEVERAL = "several"
    TOO_LARGE = "too_large"


class Remark(StrEnum):
    """What a person should know of the key."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    NO_ENCRYPTION = "no_encryption"
    NO_ADDRESS = "no_address"
    OLD_VERSION = "old_version"
    SMALL_RSA = "small_rsa"
    OLD_ALGORITHM = "old_algorithm"
    OLD_SIGNATURE = "old_signature"


FATAL = frozenset({Remark.EXPIRED, Remark.REVOKED, Remark.NO_ENCRYPTION, Remark.NO_ADDRESS, Remark.OLD_VERSION})
"""With one of these it cannot be taken."""


class NoKey(RelayError):
    """There is no key that can be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class KeyRead:
    """A key as its file describes it."""

    octets: bytes
    """The certificate, binary."""
    fingerprint: str
    algorithm: str
    created: datetime
    expires: datetime | None
    user_ids: tuple[str, ...]
    addresses: tuple[Address, ...]
    remarks: tuple[Remark, ...]

    @property
    def usable(self) -> bool:
        """Whether it may be sent in."""
        return FATAL.isdisjoint(self.remarks)

    @property
    def groups(self) -> list[str]:
        """The fingerprint as people compare it."""
        return groups(self.fingerprint)


def read_key(sent: bytes, now: float) -> KeyRead:
    """The one key in what was sent: armored, as people copy it, or binary."""
    octets = _certificate(sent)
    walked = list(packets.walk(octets, MOST_PACKETS))
    found = parts(octets, walked)
    (_, primary), *_ = found
    texts = [user_id.decode(body) for (tag, body), _ in found.items() if tag == packets.USER_ID][:MOST_USER_IDS]
    addresses = dict.fromkeys(address for text in texts if (address := user_id.address(text)) and address.domain)
    key = KeyPacket(primary)
    newest = max(_self_signatures(found), key=lambda one: one.created, default=None)
    expires = key.created + newest.key_lasts if newest and newest.key_lasts else None
    return KeyRead(
        octets=octets,
        fingerprint=fingerprint(primary),
        algorithm=key.name,
        created=_moment(key.created),
        expires=None if expires is None else _moment(expires),
        user_ids=tuple(texts),
        addresses=tuple(addresses),
        remarks=(*_remarks(found, expires, now), *(() if addresses else (Remark.NO_ADDRESS,))),
    )


def _certificate(sent: bytes) -> bytes:
    if not sent.strip():
        raise NoKey(Fault.EMPTY)
    if len(sent) > LARGEST:
        raise NoKey(Fault.TOO_LARGE)
    try:
        found = packets.split_certificates(_dearmored(sent), MOST_PACKETS)
    except SecretKeyFound:
        raise NoKey(Fault.SECRET) from None
    except TooManyPackets:
        raise NoKey(Fault.TOO_LARGE) from None
    except OpenPgpError:
        raise NoKey(Fault.NO_KEY) from None
    if len(found) > 1:
        raise NoKey(Fault.SEVERAL)
    return found[0]


def _dearmored(sent: bytes) -> bytes:
    if not key_armor.is_armored(sent):
        return sent
    blocks = key_armor.dearmor(sent)
    if any("PRIVATE KEY" in block.kind for block in blocks):
        raise NoKey(Fault.SECRET)
    return b"".join(block.data for block in blocks if "PUBLIC KEY" in block.kind)


def _remarks(found: Parts, expires: int | None, now: float) -> Iterable[Remark]:
    (_, primary), *_ = found
    keys = [KeyPacket(body) for (tag, body) in found if tag in {packets.PUBLIC_KEY, packets.PUBLIC_SUBKEY}]
    if KeyPacket(primary).is_old:
        yield Remark.OLD_VERSION
    if any(one.kind == Kind.KEY_REVOCATION for one in _read(next(iter(found.values())))):
        yield Remark.REVOKED
    if expires is not None and expires <= now:
        yield Remark.EXPIRED
    if not _encrypts(found):
        yield Remark.NO_ENCRYPTION
    if any(key.algorithm in RSA and key.bits < _SMALLEST_RSA for key in keys):
        yield Remark.SMALL_RSA
    if any(key.algorithm in OLD for key in keys):
        yield Remark.OLD_ALGORITHM
    hashes = {one.hash for one in _self_signatures(found)}
    if hashes and hashes <= _WEAK_HASHES:
        yield Remark.OLD_SIGNATURE


def _encrypts(found: Parts) -> bool:
    """Whether a key in it says that it may encrypt."""
    for (tag, body), bodies in found.items():
        if tag not in {packets.PUBLIC_KEY, packets.PUBLIC_SUBKEY} or not KeyPacket(body).may_encrypt:
            continue
        bound = _self_signatures(found) if tag == packets.PUBLIC_KEY else [*_read(bodies)]
        if any(one.kind == Kind.SUBKEY_REVOCATION for one in bound):
            continue
        if any(one.flags is None or one.flags & _ENCRYPTS for one in bound if one.kind != Kind.SUBKEY_REVOCATION):
            return True
    return False


def _self_signatures(found: Parts) -> list[Signature]:
    """Those over the primary key and its user ids that name this key as their issuer."""
    (_, primary), *_ = found
    ours = fingerprint(primary)
    wanted = CERTIFICATIONS | {Kind.DIRECT_KEY}
    read = [one for (tag, _), bodies in found.items() if tag != packets.PUBLIC_SUBKEY for one in _read(bodies)]
    return [one for one in read if one.kind in wanted and one.by(ours)]


def _read(bodies: Iterable[bytes]) -> list[Signature]:
    return [one for body in bodies if (one := signature.read(body))]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
