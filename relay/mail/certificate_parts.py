"""A certificate taken apart and put together: keys and user ids, each with its signatures (RFC 9580 section 10.1).

Nothing is verified. Two states of one certificate are united by uniting their parts: nothing that stands in either is
lost, and a key revocation belongs to the primary key wherever it stood. Raises `OpenPgpError` for what is no packets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from relay.mail import packets, signature
from relay.mail.fingerprints import fingerprint
from relay.mail.packets import Packet
from relay.mail.signature import Kind

Part = tuple[int, bytes]
"""A key's, user id's or user attribute's packet type and body."""
Parts = dict[Part, dict[bytes, None]]
"""The signature packets' bodies of each part, each once, in their order. The primary key comes first."""

_ORDER = {packets.PUBLIC_KEY: 0, packets.USER_ID: 1, packets.USER_ATTRIBUTE: 2, packets.PUBLIC_SUBKEY: 3}
_OF_THE_PRIMARY_KEY = frozenset({Kind.DIRECT_KEY, Kind.KEY_REVOCATION})
_PASSED_OVER = frozenset({packets.MARKER, packets.TRUST, packets.PADDING})


def parts(data: bytes, walked: Sequence[Packet] | None = None, wanted: Callable[[Part], bool] | None = None) -> Parts:
    """Of one certificate, whose packets in `data` may have been walked already; all parts, or those `wanted`."""
    found: Parts = {}
    primary: dict[bytes, None] = {}
    current: dict[bytes, None] | None = None
    for packet in packets.walk(data) if walked is None else walked:
        body = packets.body(data, packet)
        if packet.tag == packets.SIGNATURE:
            owner = primary if _kind(body) in _OF_THE_PRIMARY_KEY else current
            if owner is not None:
                owner[body] = None
        elif packet.tag == packets.PUBLIC_KEY:
            current = found[packet.tag, body] = primary
        elif packet.tag in _ORDER and (wanted is None or wanted((packet.tag, body))):
            current = found.setdefault((packet.tag, body), {})
        elif packet.tag not in _PASSED_OVER:
            current = None
    return found


def united(*states: Parts) -> Parts:
    """What stands in any of these states of one certificate.

    Of signatures with the same value the first is kept, as GnuPG keeps one: at most one of them holds, or they differ
    in their unhashed areas alone.
    """
    whole: Parts = {}
    for state in states:
        for part, bodies in state.items():
            own = whole.setdefault(part, {})
            known = set(map(signature.value, own))
            own.update((body, None) for body in bodies if signature.value(body) not in known)
    return whole


def joined(whole: Parts) -> bytes:
    """As packets: primary key, user ids, user attributes, subkeys."""
    ordered = sorted(whole.items(), key=lambda each: _ORDER[each[0][0]])
    return b"".join(
        packets.packet(tag, body) + b"".join(packets.packet(packets.SIGNATURE, one) for one in signatures)
        for (tag, body), signatures in ordered
    )


@lru_cache(maxsize=1000)
def without_subkeys(certificate: bytes, subkeys: frozenset[str]) -> bytes:
    """A certificate without the subkeys of these fingerprints."""
    whole = parts(certificate)
    gone = [part for part in whole if part[0] == packets.PUBLIC_SUBKEY and fingerprint(part[1]) in subkeys]
    return joined({part: bodies for part, bodies in whole.items() if part not in gone})


def _kind(body: bytes) -> int | None:
    read = signature.read(body)
    return read.kind if read else None
