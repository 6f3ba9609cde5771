"""Completes certificates with what the OpenPGP software leaves out or cannot read.

A key that must not be used is not "no key", so the addresses of every user id count, whether its signature holds or
not. What is kept beside the software's own canonical packets:

- user ids that it left out, without their signatures;
- all of a key that was made later than now: it is read again when its time has come;
- revocations by a designated revoker, until that one's key is known;
- of what it cannot read at all, the primary key and the user ids (`relay.mail.salvage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from relay.mail import packets, salvage
from relay.mail.certificate_parts import Part, Parts, joined, parts, united
from relay.mail.fingerprints import fingerprint
from relay.model import Certificate, Component, Unreadable, UserId, user_id
from relay.openpgp import self_signatures
from relay.openpgp.curves import is_on_its_curve

MOST_OCTETS = 1 << 20
NO_USER_ID = (
    "This key has no user id: nothing says whose it is, so no mail can be encrypted to it. Ask its owner for the whole "
    "key."
)

_ALGORITHMS = {
    1: "rsa", 2: "rsa", 3: "rsa", 16: "elgamal", 17: "dsa", 18: "ecdh", 19: "ecdsa", 20: "elgamal", 22: "eddsa",
    25: "x25519", 26: "x448", 27: "ed25519", 28: "ed448",
}  # fmt: skip


def completed(blob: bytes, read: Certificate, at: float) -> Certificate | Unreadable:
    """What the software read of a blob, with what it left out of it."""
    own = parts(read.data)
    whole = own if blob == read.data else parts(blob)
    revocations = self_signatures.revocations_by(whole, self_signatures.named_revokers(own))
    left_out = _left_out(whole, own, read.fingerprint if read.primary.created > at else None)
    if revocations:
        left_out = united(left_out, {next(iter(own)): dict.fromkeys(revocations)})
    kept = united(own, left_out)
    data = joined(kept) if left_out else read.data
    user_ids = (*read.user_ids, *_invalid_user_ids(part for part in kept if part not in own))
    if len(data) > MOST_OCTETS:
        return unreadable(blob, f"This key is larger than {MOST_OCTETS >> 20} MiB.")
    if not user_ids:
        return Unreadable(NO_USER_ID, read.fingerprint)
    return replace(
        read,
        data=data,
        components=tuple(_components(read.components, own, at)),
        user_ids=user_ids,
        features=self_signatures.features(own),
        holds_until=self_signatures.changes_after(kept, at),
        revokers=tuple(sorted(set(revocations.values()))),
    )


def unreadable(blob: bytes, reason: str) -> Certificate | Unreadable:
    """What is kept of a blob that the software does not read for this reason."""
    data = salvage.bare(blob)
    if data is None:
        return Unreadable(reason)
    whole = parts(data)
    (_, body), *_ = whole
    return Certificate(data, next(iter(body), 0), (_unusable(body),), _invalid_user_ids(whole), fault=reason)


def _unusable(body: bytes) -> Component:
    """The primary key in this packet, which nothing is done with."""
    return Component(
        fingerprint=fingerprint(body),
        algorithm=_ALGORITHMS.get(next(iter(body[5:6]), 0), "unknown"),
        created=int.from_bytes(body[1:5], "big"),
        expires=None,
        encrypts=False,
        valid=False,
    )


def _components(read: Sequence[Component], own: Parts, at: float) -> Iterator[Component]:
    """The keys, none of them usable by a signature whose time has not come, nor where it is no point of its curve."""
    later = list(self_signatures.begin_later(own, at))
    begins = {fingerprint(body): moment for (tag, body), moment in later if tag == packets.PUBLIC_SUBKEY}
    material = {fingerprint(body): body for tag, body in own if tag == packets.PUBLIC_SUBKEY}
    primary, *subkeys = read
    yield replace(primary, valid=primary.valid and len(begins) == len(later))
    for one in subkeys:
        yield replace(
            one,
            created=max(one.created, begins.get(one.fingerprint, 0)),
            supported=one.supported and is_on_its_curve(material[one.fingerprint]),
        )


def _left_out(whole: Parts, own: Parts, made_later: str | None) -> Parts:
    """User ids that are missing in `own`; of a key that is made later than now all that it says itself."""
    if made_later:
        return {
            part: {body: None for body in bodies if self_signatures.may_be_by(body, made_later)}
            for part, bodies in whole.items()
        }
    return {part: {} for part in whole if part not in own and part[0] == packets.USER_ID}


def _invalid_user_ids(found: Iterable[Part]) -> tuple[UserId, ...]:
    return tuple(user_id.read(body, valid=False) for tag, body in found if tag == packets.USER_ID)
