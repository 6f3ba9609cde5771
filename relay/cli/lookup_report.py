"""The answers of the sources for one address, in words: each with its time, and what follows for the search.

The order and the rules are those of `relay.keys.resolver`; a test compares each case.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from relay.admin.explain import Search
from relay.cli.times import Look
from relay.keys.asking import SourceReport
from relay.keys.keyring import NAME as KEYRING
from relay.model import Address, Certificate, Found, Lookup, NotFound, Origin, Outage, Unusable

Step = tuple[str, str]
"""A source or the certificate, and the text about it."""


def steps(search: Search, address: Address, look: Look) -> Iterator[Step]:
    """One for each source, and one for the certificate."""
    stored = any(answer.source == KEYRING and isinstance(answer.lookup, Found) for answer in search.told)
    for index, answer in enumerate(search.told):
        last = index + 1 == len(search.told)
        yield _where(answer), f"{_said(answer, look)}; {_then(answer, search.excused, look, last=last, stored=stored)}"
    if search.not_asked:
        yield "not asked", ", ".join(search.not_asked)
    if isinstance(search.lookup, Found):
        for certificate in search.lookup.certificates:
            yield "certificate", _judged(certificate, address, look)


def came_out(lookup: Lookup, look: Look) -> str:
    """The result of the search."""
    match lookup:
        case Found(certificate=certificate):
            end = look.day(certificate.expires)
            more = f" and {len(lookup.others)} more" if lookup.others else ""
            return (
                f"{look.key(certificate.fingerprint)}{more} by {lookup.method} ({lookup.origin.value}), expires {end}"
            )
        case NotFound():
            return "no source knows one"
        case Unusable():
            return f"{look.key(lookup.fingerprint)} by {lookup.source}, not used: {lookup.why.value}"
        case Outage():
            return f"{lookup.source} cannot be asked: {lookup.reason}"


def _where(answer: SourceReport) -> str:
    return answer.lookup.method or answer.source


def _said(answer: SourceReport, look: Look) -> str:
    when = f"remembered from {look.moment(answer.asked)}" if answer.remembered else f"{answer.seconds:.3f} s"
    match answer.lookup:
        case Found():
            keys = ", ".join(look.key(each.fingerprint) for each in answer.lookup.certificates)
            said = f"has {keys}"
        case NotFound():
            said = "has no key"
        case Unusable(fingerprint=fingerprint, why=why):
            said = f"has {look.key(fingerprint)}, {why.value}"
        case Outage(reason=reason):
            said = f"cannot be asked: {reason}"
    return f"{said} ({when})"


def _then(answer: SourceReport, excused: frozenset[str], look: Look, *, last: bool, stored: bool) -> str:
    """Why it went on from there, or did not."""
    onward = "no source is left" if last else "the next one is asked"
    match answer.lookup:
        case Found(binding=pattern) | Unusable(binding=pattern) if pattern:
            used = isinstance(answer.lookup, Found)
            return f"{'all of them are used' if used else 'never encrypted to fewer keys'}: the search ends"
        case Found() as found:
            return _of_found(found, answer.judged, onward, look, last=last)
        case NotFound():
            return "what is stored stays in use" if stored else onward
        case Unusable():
            return f"never taken for “no key”, but another source may have it renewed: {onward}"
        case Outage():
            excuse = f"the rule's wkd_outage excuses it: {onward}" if answer.source in excused else ""
            return "what is stored stays in use" if stored else excuse or "an outage is never “no key”: the search ends"


def _of_found(found: Found, judged: Lookup | None, onward: str, look: Look, *, last: bool) -> str:
    match judged:
        case NotFound():
            return f"only proposed beside the key that was imported (pgp-relay keys proposals): {onward}"
        case Unusable(why=why):
            return f"not used here, {why.value}: {onward}"
        case Found(certificate=certificate) if certificate.fingerprint != found.certificate.fingerprint:
            return f"the imported {look.key(certificate.fingerprint)} has priority"
        case _ if found.source == KEYRING and found.origin is not Origin.IMPORTED:
            again = "the search ends" if last else "it is asked whether it still has it"
            return f"usable, brought by {found.origin.value}: {again}"
        case _:
            return "usable: the search ends"


def _judged(certificate: Certificate, address: Address, look: Look) -> str:
    now = time.time()
    parts = [f"made {look.day(certificate.primary.created)}", f"expires {look.day(certificate.expires)}"]
    subkeys = certificate.encryption_components(now)
    parts += [f"encrypts with {part.key_id} ({part.algorithm})" for part in subkeys]
    named = next((a for a in (address, address.untagged) if a and a in certificate.addresses), None)
    parts += [f"has a user id with {named.text}"] if named else []
    weaknesses = certificate.weaknesses(now)
    parts.append(f"weak: {', '.join(weaknesses)}" if weaknesses else "not weak")
    return "; ".join(parts)
