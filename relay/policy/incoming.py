"""What the mark of an incoming mail says about its signature. Pure.

`good` requires all of this: the signature is valid over the whole content; the header names exactly one author; the
certificate that made it is trusted for exactly that address, and neither expired nor revoked; it was made within a day
of Date; where it names intended recipients (RFC 9580 section 5.2.3.36), the mail's recipient is one. `old`: only the
day is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from relay.model import Address, Certificate, Entry
from relay.model.mark import Signed
from relay.model.opened import Signature, Validity
from relay.model.signers import Signers, counts, spoken_for

DAY = 86400.0
"""Seconds between Date and a signature that counts as made with the mail."""
_ORDER = (Signed.GOOD, Signed.OLD, Signed.BAD, Signed.OTHER, Signed.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Letter:
    """What the mail itself says of its author, date and recipients."""

    author: Address | None
    """The single one; None where there is a doubt."""
    date: float | None
    """The single Date, in seconds since the epoch."""
    recipients: frozenset[str]
    """Fingerprints (primary keys and subkeys) of the keys that are its recipient's."""
    at: float
    """When it was received, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the mark says of one signature, or of a mail without one."""

    signed: Signed = Signed.NONE
    signer: Address | None = None
    key: str = ""


def best(signatures: Iterable[Signature], letter: Letter, signers: Signers) -> Verdict:
    """The verdict that counts where there are several signatures: one good one is enough."""
    verdicts = [verdict(signature, letter, signers) for signature in signatures]
    return min(verdicts, key=lambda one: _ORDER.index(one.signed), default=Verdict())


def verdict(signature: Signature, letter: Letter, signers: Signers) -> Verdict:
    """The verdict on one signature."""
    if signature.validity is Validity.UNKNOWN:
        return Verdict(Signed.UNKNOWN)
    if signature.validity is not Validity.GOOD:
        return Verdict(Signed.BAD)
    own = _made_by(signature, signers.author) if letter.author else None
    entry = own or _made_by(signature, signers.others)
    if entry is None or not (own or counts(entry)):
        return Verdict(Signed.UNKNOWN)
    if _is_over(entry.certificate, letter.at) or not _is_meant(signature, letter):
        return Verdict(Signed.BAD)
    if own:
        return Verdict(
            Signed.GOOD if _made_then(signature, letter) else Signed.OLD, letter.author, entry.certificate.fingerprint
        )
    other = next((one for one in spoken_for(entry.certificate) if one != letter.author), None)
    return Verdict(Signed.OTHER, other, entry.certificate.fingerprint) if other else Verdict(Signed.UNKNOWN)


def _made_by(signature: Signature, entries: Iterable[Entry]) -> Entry | None:
    return next((entry for entry in entries if entry.certificate.fingerprint == signature.fingerprint), None)


def _is_over(certificate: Certificate, at: float) -> bool:
    primary = certificate.primary
    return primary.revoked or primary.expired(at) or certificate.disabled or not primary.valid


def _is_meant(signature: Signature, letter: Letter) -> bool:
    return not signature.intended or not letter.recipients.isdisjoint(signature.intended)


def _made_then(signature: Signature, letter: Letter) -> bool:
    return letter.date is not None and abs(letter.date - signature.made) <= DAY
