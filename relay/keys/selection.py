"""Which of several certificates is used for an address: the newest usable one; where none is usable, why not.

Newest is by the creation time of the primary key. Of several reasons, the answer gives the one that the owner can fix
most easily, since another source may have the fixed key. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from relay.model import Certificate, Found, Origin, Unusable, Why

MENDABLE = (
    Why.WEAK,
    Why.UNSUPPORTED,
    Why.UNLISTED,
    Why.SUBKEY_UNSUPPORTED,
    Why.NOT_YET_VALID,
    Why.EXPIRED,
    Why.SUBKEY_EXPIRED,
    Why.SUBKEY_REVOKED,
    Why.NO_ENCRYPTION,
    Why.AMBIGUOUS,
    Why.USER_ID_INVALID,
    Why.USER_ID_REVOKED,
    Why.DISABLED,
    Why.UNREADABLE,
    Why.INVALID,
    Why.REVOKED,
    Why.UNTRUSTED,
    Why.NOT_THERE,
    Why.NO_USER_ID,
)
"""All reasons, the easiest to mend first. Last is that of a certificate which may be somebody else's."""


class Judged(NamedTuple):
    """A certificate, and why it must not be used; None: it may be."""

    certificate: Certificate
    why: Why | None


def select(certificates: Iterable[Certificate], fault: Callable[[Certificate], Why | None]) -> Judged:
    """The one of these (at least one) that counts, judged by `fault`; of equals the first."""
    return min((Judged(one, fault(one)) for one in certificates), key=_rank)


def answer(judged: Judged, origin: Origin, source: str, method: str) -> Found | Unusable:
    """What a source says of it."""
    certificate, why = judged
    if why is None:
        return Found(certificate, origin, source, method)
    return Unusable(why, certificate.fingerprint, origin, source, method, certificate.expires, certificate)


def _rank(judged: Judged) -> tuple[int, int]:
    reason = -1 if judged.why is None else MENDABLE.index(judged.why)
    return reason, -judged.certificate.primary.created
