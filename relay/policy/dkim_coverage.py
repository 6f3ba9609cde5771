"""Which parts of a mail a DKIM signature by its author's domain covers, if our MX reports it valid. Pure.

The signature's domain is the author's, or one above it that is no public suffix: who has a subdomain does not speak for
the domain above. A result names its signature by domain, and mostly by selector and the beginning of its value. All
signatures that it may be about must cover a thing; one with `l=` covers nothing, since anybody may add to such a mail.
If a signature of such a domain is not valid, no other one counts: which result belongs to which signature is not
certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from relay.model.dkim import DkimEvidence, DkimResult, DkimSignature

IsPublicSuffix = Callable[[str], bool]


class Uncovered(StrEnum):
    """The reason why no DKIM signature counts."""

    UNSIGNED = "no-dkim"
    """Our MX reports no valid signature."""
    UNALIGNED = "unaligned"
    """The valid signatures are by other domains."""
    FAILED = "dkim-failed"
    """A signature by the author's domain is not valid, or a signature cannot be read."""
    LIMITED = "dkim-limited"
    """It is made for the beginning of the body alone (`l=`)."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The parts of a mail that the author's domain has signed."""

    domain: str
    fields: frozenset[str]
    """Names of header fields, in lower case. Where there is one field of the name, it is covered."""
    signatures: frozenset[str]
    """The values of the signatures: two mails have none in common."""

    def covers(self, name: str) -> bool:
        """Whether header fields of this name are signed. The body always is."""
        return name in self.fields


def coverage(evidence: DkimEvidence, domain: str, is_public_suffix: IsPublicSuffix) -> Coverage | Uncovered:
    """The signed parts of a mail whose author has this domain (lower case, A-labels), or why there are none."""
    if not any(one.passed for one in evidence.results):
        return Uncovered.UNSIGNED
    aligned = [one for one in evidence.results if is_aligned(one.domain, domain, is_public_suffix)]
    if not any(one.passed for one in aligned):
        return Uncovered.UNALIGNED
    if evidence.signatures is None or not all(one.passed for one in aligned):
        return Uncovered.FAILED
    return _best(aligned, evidence.signatures)


def is_aligned(signing: str, author: str, is_public_suffix: IsPublicSuffix) -> bool:
    """Whether a signature of the domain `signing` speaks for addresses of the domain `author`."""
    if signing == author:
        return bool(author)
    return author.endswith(f".{signing}") and not is_public_suffix(signing)


def _best(results: Iterable[DkimResult], signatures: Iterable[DkimSignature]) -> Coverage | Uncovered:
    """What is covered by every signature that this result may be about."""
    of_results = [(one.domain, [sig for sig in signatures if _may_be(one, sig)]) for one in results]
    whole = [(domain, found) for domain, found in of_results if found and not any(sig.limited for sig in found)]
    if not whole:
        return Uncovered.LIMITED if any(found for _, found in of_results) else Uncovered.FAILED
    fields = [frozenset.intersection(*(sig.fields for sig in found)) for _, found in whole]
    values = frozenset(sig.value for _, found in whole for sig in found)
    return Coverage(whole[0][0], frozenset.union(*fields), values)


def _may_be(result: DkimResult, signature: DkimSignature) -> bool:
    return (
        result.domain == signature.domain
        and result.selector in {"", signature.selector}
        and signature.value.startswith(result.begins)
    )
