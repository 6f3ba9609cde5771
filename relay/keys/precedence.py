"""The entry to store after a source has brought a certificate, by the rules of `merge_policy`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relay.model import Address, Certificate, Entry, Origin


def is_usable(certificate: Certificate, address: Address, now: float) -> bool:
    """Whether mail to this address can be encrypted to it."""
    return certificate.unusable(now, address) is None


def entry_for(
    address: Address, known: Entry | None, news: Entry, imported: Sequence[Entry], now: float
) -> Entry | None:
    """What is to stand in the store; None: nothing of it.

    `known` is what stands there, `news` what a source brought for the address, `imported` what stands before that.
    """
    entry = _entry(address, known, news, imported, now)
    if entry is None or entry.origin is Origin.IMPORTED:
        return entry
    return replace(entry, origin=_vouched(entry.origin, news.certificate, news.origin, address))


def _entry(address: Address, known: Entry | None, news: Entry, imported: Sequence[Entry], now: float) -> Entry | None:
    if known is not None and not known.proposed:
        return _as_enabled(known, news)  # merged already
    if any(is_usable(entry.certificate, address, now) for entry in imported):
        return known
    if known is None:
        useless = imported and not is_usable(news.certificate, address, now)
        own = replace(news, certificate=news.certificate.showing((address,)), proposed=bool(imported))
        return None if useless else own
    if imported:
        return known
    if known.suggested:  # the source vouches for this address, and nobody for the others
        certificate = known.certificate.showing((address,))
        return replace(known, certificate=certificate, origin=news.origin, proposed=False, updated=news.updated)
    return replace(known, proposed=False, updated=news.updated)


def _vouched(stored: Origin, certificate: Certificate, origin: Origin, address: Address) -> Origin:
    """`authority` as long as one vouches for it; then what it was found by."""
    if address in certificate.certified:
        return Origin.AUTHORITY if stored is not Origin.ENROLLED else stored
    return origin if stored in {Origin.AUTHORITY, Origin.HARVESTED} else stored


def _as_enabled(known: Entry, news: Entry) -> Entry:
    """What a directory says of its own entry counts: whether it disabled the key."""
    disabled = news.certificate.disabled
    if known.origin is not news.origin or known.certificate.disabled == disabled:
        return known
    return replace(known, certificate=replace(known.certificate, disabled=disabled))
