"""What other OpenPGP software refuses in a certificate that GnuPG accepts, for each of its keys.

Looks at the packets of a canonical certificate, in which the signatures are its own. A hash is held against a key only
where none of the signatures that bind it now has a better one, as in Sequoia; RFC 9580 sections 9.5 and 12.5 forbid
what is named here for new keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from relay.mail import packets, signature
from relay.mail.certificate_parts import Parts
from relay.mail.fingerprints import fingerprint
from relay.mail.signature import CERTIFICATIONS, Kind, Signature
from relay.model import Component

SMALLEST_RSA = 2048

_WEAK_HASHES = {1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}
_HOLD_THE_PRIMARY_KEY = CERTIFICATIONS | {Kind.DIRECT_KEY}
_SIZED = re.compile(r"(rsa|dsa|elgamal)(\d+)")
_NAMES = {"rsa": "RSA", "dsa": "DSA", "elgamal": "ElGamal"}


def with_weaknesses(components: Sequence[Component], parts: Parts, at: float) -> tuple[Component, ...]:
    """The components, each with its weaknesses in words at that time; the primary key first."""
    bindings = _bindings(parts, at)
    primary = components[0]

    def words(one: Component) -> tuple[str, ...]:
        signatures = bindings.get(one.fingerprint, ())
        hashes = [signature.hash for signature in signatures]
        return (*_by_algorithm(one), *_by_hash(hashes, one is primary), *_by_flags(one, signatures))

    return tuple(replace(one, weaknesses=words(one)) for one in components)


def _by_algorithm(component: Component) -> list[str]:
    match = _SIZED.fullmatch(component.algorithm)
    if match is None or (match[1] == "rsa" and int(match[2]) >= SMALLEST_RSA):
        return []
    return [f"{_NAMES[match[1]]} of {match[2]} bits"]


def _by_hash(algorithms: Sequence[int], primary: bool) -> list[str]:  # noqa: FBT001  which of two signatures
    if not algorithms or any(algorithm not in _WEAK_HASHES for algorithm in algorithms):
        return []
    return [f"{_WEAK_HASHES[algorithms[0]]} {'self-signature' if primary else 'subkey binding'}"]


def _by_flags(component: Component, signatures: Sequence[Signature]) -> list[str]:
    """GnuPG takes a key that does not say what it is for by its algorithm; Sequoia does not take it."""
    silent = bool(signatures) and all(signature.flags is None for signature in signatures)
    return ["no key flags"] if component.encrypts and silent else []


def _bindings(parts: Parts, at: float) -> dict[str, list[Signature]]:
    """For each key's fingerprint the signatures that bind it at that time."""
    bindings: dict[str, list[Signature]] = {}
    primary = ""
    for (tag, body), bodies in parts.items():
        primary = primary or fingerprint(body)
        owner = fingerprint(body) if tag == packets.PUBLIC_SUBKEY else primary
        binding = {Kind.BINDING} if tag == packets.PUBLIC_SUBKEY else _HOLD_THE_PRIMARY_KEY
        read = filter(None, map(signature.read, bodies))
        bindings.setdefault(owner, []).extend(one for one in read if one.kind in binding and one.counts(at))
    return bindings
