"""A certificate cut down to what may be encrypted to now.

Sequoia encrypts to expired and to revoked subkeys of a certificate where they are there. GnuPG verifies the binding of
every subkey before it encrypts to one, which takes a millisecond each. What is kept: the primary key, its user ids, and
each subkey that is usable at that time, with the signatures behind them. Raises `OpenPgpError` for data that is no
OpenPGP, and `EngineError` for a certificate of which nothing is left.
"""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache
from itertools import zip_longest

from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.model import Certificate
from relay.model.errors import EngineError

REMEMBERED = 1000
"""Certificates of ordinary size."""
ORDINARY = 16 * 1024


def trimmed(certificate: Certificate, at: float) -> bytes:
    """Its packets, without the subkeys that must not be used at that time. Raises `EngineError` where none is left."""
    keep = frozenset(component.fingerprint for component in certificate.encryption_components(at))
    if certificate.unusable(at) is not None or not keep:
        raise EngineError("a key that must not be used now")
    cut = _remembered if len(certificate.data) <= ORDINARY else without_subkeys
    return cut(certificate.data, keep)


def without_subkeys(data: bytes, keep: Container[str]) -> bytes:
    """All but the subkeys that are not in `keep`, with what stands behind those, and user ids without a signature."""
    kept, keeping = [], True
    walked = list(packets.walk(data))
    for packet, following in zip_longest(walked, walked[1:]):
        if packet.tag == packets.PUBLIC_SUBKEY:
            keeping = fingerprint(packets.body(data, packet)) in keep
        unsigned = packet.tag == packets.USER_ID and (following is None or following.tag != packets.SIGNATURE)
        if keeping and not unsigned:
            kept.append(data[packet.start : packet.end])
    return b"".join(kept)


@lru_cache(maxsize=REMEMBERED)
def _remembered(data: bytes, keep: frozenset[str]) -> bytes:
    return without_subkeys(data, keep)
