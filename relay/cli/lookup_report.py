"""What the sources said of one address, in words: each that was asked, its time, and what the search made of it.

The order is that of the search (`relay.keys.resolver`), whose rules these words repeat: a test goes through each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from relay.cli.times import moment
from relay.keys.keyring import NAME as KEYRING
from relay.keys.resolver import SourceReport
from relay.model import Address, Certificate, Found, Lookup, NotFound, Origin, Outage, Unusable


def steps(
    told: Sequence[SourceReport], lookup: Lookup, address: Address, *, sources: Sequence[str], excused: frozenset[str]
) -> Iterator[str]:
    """A line a source, one for the certificate, one for what came out."""
    stored = any(answer.source == KEYRING and isinstance(answer.lookup, Found) for answer in told)
    for index, answer in enumerate(told):
        last = index + 1 == len(told)
        yield f"{_where(answer)}: {_said(answer)}; {_then(answer, excused, last=last, stored=stored)}"
    left = [name for name in sources if name not in {answer.source for answer in told}]
    if left:
        yield f"not asked: {', '.join(left)}"
    if isinstance(lookup, Found):
        yield f"certificate: {_judged(lookup.certificate, address)}"
    yield f"keys: {_came_out(lookup)}"


def _where(answer: SourceReport) -> str:
    return answer.lookup.method or answer.source


def _said(answer: SourceReport) -> str:
    when = f"remembered from {moment(answer.asked)}" if answer.remembered else f"{answer.seconds:.3f} s"
    match answer.lookup:
        case Found(certificate=certificate):
            said = f"has {certificate.fingerprint}"
        case NotFound():
            said = "has no key"
        case Unusable(fingerprint=fingerprint, why=why):
            said = f"has {fingerprint}, {why.value}"
        case Outage(reason=reason):
            said = f"cannot be asked: {reason}"
    return f"{said} ({when})"


def _then(answer: SourceReport, excused: frozenset[str], *, last: bool, stored: bool) -> str:
    """Why it went on from there, or did not."""
    onward = "no source is left" if last else "the next one is asked"
    match answer.lookup:
        case Found() as found:
            return _of_found(found, answer.judged, onward, last=last)
        case NotFound():
            return "what is stored stays in use" if stored else onward
        case Unusable():
            return f"never taken for “no key”, but another source may have it renewed: {onward}"
        case Outage():
            if stored:
                return "what is stored stays in use"
            if answer.source in excused:
                return f"the rule's wkd_outage excuses it: {onward}"
            return "an outage is never “no key”: the search ends"


def _of_found(found: Found, judged: Lookup | None, onward: str, *, last: bool) -> str:
    match judged:
        case NotFound():
            return f"only proposed beside the key that was imported (pgp-relay keys approve): {onward}"
        case Unusable(why=why):
            return f"not used here, {why.value}: {onward}"
        case Found(certificate=certificate) if certificate.fingerprint != found.certificate.fingerprint:
            return f"the imported {certificate.fingerprint} wins over it"
        case _ if found.source == KEYRING and found.origin is not Origin.IMPORTED:
            again = "the search ends" if last else "it is asked whether it still has it"
            return f"usable, brought by {found.origin.value}: {again}"
        case _:
            return "usable: the search ends"


def _judged(certificate: Certificate, address: Address) -> str:
    now = time.time()
    parts = [f"made {moment(certificate.primary.created)}", f"expires {moment(certificate.expires) or 'never'}"]
    subkeys = certificate.encryption_components(now)
    parts += [f"encrypts with {part.key_id} ({part.algorithm})" for part in subkeys]
    named = next((a for a in (address, address.untagged) if a and a in certificate.addresses), None)
    parts += [f"has a user id with {named.text}"] if named else []
    parts.append(f"weak: {', '.join(certificate.weaknesses)}" if certificate.weaknesses else "not weak")
    return "; ".join(parts)


def _came_out(lookup: Lookup) -> str:
    match lookup:
        case Found():
            end = moment(lookup.certificate.expires) or "never"
            return f"{lookup.certificate.fingerprint} by {lookup.method} ({lookup.origin.value}), expires {end}"
        case NotFound():
            return "no source knows one"
        case Unusable():
            return f"{lookup.fingerprint} by {lookup.source}, not used: {lookup.why.value}"
        case Outage():
            return f"{lookup.source} cannot be asked: {lookup.reason}"
