"""What the signatures in a certificate announce, and when they begin and end to count.

Nothing is verified: the parts are those of a certificate that the OpenPGP software has accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_

from relay.mail import packets, signature
from relay.mail.certificate_parts import Part, Parts
from relay.mail.signature import CERTIFICATIONS, Kind, Signature

_HOLD_THE_PRIMARY_KEY = CERTIFICATIONS | {Kind.DIRECT_KEY}


def features(parts: Parts) -> int | None:
    """What all of its newest self-signatures announce together (RFC 9580 section 5.2.3.32); None: none does.

    A direct key signature speaks for the user ids whose own signatures are silent.
    """
    direct = _newest(_read(_primary_signatures(parts)), {Kind.DIRECT_KEY})
    of_all = None if direct is None else direct.features
    named = [_newest(_read(bodies), CERTIFICATIONS) for (tag, _), bodies in parts.items() if tag == packets.USER_ID]
    announced = [of_all if one.features is None else one.features for one in named if one]
    if all(value is None for value in announced):
        return of_all
    return reduce(and_, (value or 0 for value in announced), -1 if of_all is None else of_all)


def changes_after(parts: Parts, at: float) -> int | None:
    """The first time after `at` at which a key or signature in it begins or ends to count, in seconds; None: never.

    The ends of keys do not count: they are known apart.
    """
    return min((moment for moment in _moments(parts) if moment > at), default=None)


def begin_later(parts: Parts, at: float) -> Iterator[tuple[Part, int]]:
    """The parts whose newest binding signature is made later than `at`, and when: by a clock ahead of ours.

    GnuPG takes such a signature as it is, Sequoia does not look at it before its time.
    """
    for part, bodies in parts.items():
        kinds = {Kind.BINDING} if part[0] == packets.PUBLIC_SUBKEY else _HOLD_THE_PRIMARY_KEY
        newest = _newest(_read(bodies), kinds)
        if newest and newest.created > at:
            yield part, newest.created


def named_revokers(parts: Parts) -> frozenset[str]:
    """The fingerprints of its designated revokers (RFC 9580 section 5.2.3.23)."""
    read = (one for bodies in parts.values() for one in _read(bodies))
    return frozenset[str]().union(*(one.revokers for one in read))


def revocations_by(parts: Parts, revokers: Iterable[str]) -> dict[bytes, str]:
    """The bodies of key revocations that one of these keys is said to have made, and its fingerprint."""
    wanted = tuple(revokers)
    found: dict[bytes, str] = {}
    for body in _primary_signatures(parts):
        read = signature.read(body)
        if read and read.kind == Kind.KEY_REVOCATION:
            found.update((body, fingerprint) for fingerprint in wanted if read.by(fingerprint))
    return found


def may_be_by(body: bytes, fingerprint: str) -> bool:
    """Whether a signature packet's body names this key as its issuer, or none."""
    read = signature.read(body)
    return read is not None and (not read.issuers or read.by(fingerprint))


def _primary_signatures(parts: Parts) -> Iterable[bytes]:
    return next(iter(parts.values()), {})


def _moments(parts: Parts) -> Iterator[int]:
    for (tag, body), bodies in parts.items():
        if tag in {packets.PUBLIC_KEY, packets.PUBLIC_SUBKEY}:
            yield int.from_bytes(body[1:5], "big")
        for one in _read(bodies):
            yield one.created
            if one.lasts:
                yield one.created + one.lasts


def _newest(signatures: Iterable[Signature], kinds: Iterable[int]) -> Signature | None:
    return max((one for one in signatures if one.kind in kinds), key=lambda one: one.created, default=None)


def _read(bodies: Iterable[bytes]) -> Iterator[Signature]:
    return filter(None, map(signature.read, bodies))
