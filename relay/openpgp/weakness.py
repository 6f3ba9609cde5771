"""What other OpenPGP software refuses in a certificate that GnuPG accepts.

Pure; looks at the packets of a canonical certificate (self-signatures alone, no third party's) and at the
parts that are alive. A hash is held against a part only when none of its self-signatures has a better one,
as Sequoia does; RFC 9580 section 9.5 and 12.5 forbid what is named here for new keys.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from relay.mail import packets
from relay.model import Component

SMALLEST_RSA = 2048

_WEAK_HASHES = {1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}
_CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13, 0x1F})
_SUBKEY_BINDING = 0x18
_SIZED = re.compile(r"(rsa|dsa|elgamal)(\d+)")
_NAMES = {"rsa": "RSA", "dsa": "DSA", "elgamal": "ElGamal"}


def weaknesses(data: bytes, components: Sequence[Component], at: float) -> tuple[str, ...]:
    """In words, each once; empty: not weak."""
    primary, *_ = components
    alive = [c for c in components if c is primary or (c.usable(at))]
    hashes = _hashes(data)
    found = [word for component in alive for word in _by_algorithm(component)]
    found += [
        f"{name} {'self-signature' if component is primary else 'subkey binding'}"
        for component in alive
        if (name := _weakest(hashes.get(component.fingerprint, ())))
    ]
    return tuple(dict.fromkeys(found))


def fingerprint(body: bytes) -> str:
    """Of a version 4 key packet's body (section 5.5.4.2)."""
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def _by_algorithm(component: Component) -> list[str]:
    match = _SIZED.fullmatch(component.algorithm)
    if match is None or (match[1] == "rsa" and int(match[2]) >= SMALLEST_RSA):
        return []
    return [f"{_NAMES[match[1]]} of {match[2]} bits"]


def _hashes(data: bytes) -> dict[str, list[int]]:
    """For each key packet's fingerprint the hash algorithms of the self-signatures that hold it."""
    hashes: dict[str, list[int]] = {}
    primary = current = ""
    for packet in packets.walk(data):
        if packet.tag in {packets.PUBLIC_KEY, packets.PUBLIC_SUBKEY}:
            current = fingerprint(packets.body(data, packet))
            primary = primary or current
        elif packet.tag == packets.SIGNATURE:
            kind, algorithm = _signature(data[packet.body_start : packet.end])
            if kind in _CERTIFICATIONS or kind == _SUBKEY_BINDING:
                hashes.setdefault(current if kind == _SUBKEY_BINDING else primary, []).append(algorithm)
    return hashes


def _signature(body: bytes) -> tuple[int, int]:
    """Its type and hash algorithm (sections 5.2.2 and 5.2.3)."""
    if len(body) > 16 and body[0] == 3:
        return body[2], body[16]
    return (body[1], body[3]) if len(body) > 3 else (0, 0)


def _weakest(algorithms: Sequence[int]) -> str:
    if not algorithms or any(algorithm not in _WEAK_HASHES for algorithm in algorithms):
        return ""
    return _WEAK_HASHES[algorithms[0]]
