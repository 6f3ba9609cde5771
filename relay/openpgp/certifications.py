"""Which user ids another key certifies, as GnuPG's listing of checked signatures says (GnuPG's doc/DETAILS).

`--check-sigs` verifies each; whether one has expired or was revoked is told here. Pure; an odd line certifies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.model import Address
from relay.openpgp.colon_listing import listed_user_id, records

_CLASSES = frozenset({b"10", b"12", b"13"})
"""Certifications (RFC 9580 section 5.2.1) but that of a persona, whose owner was not looked at."""
_GOOD = b"!"


def certified(listing: bytes, fingerprint: str, authority: str, at: float) -> frozenset[Address]:
    """The addresses of the user ids of one key that the authority certifies at that time.

    The listing has these two keys alone. GnuPG names who made a signature by key id, which has to be that of one key.
    """
    key_id = authority[-16:].encode()
    if sum(record[0] in {b"pub", b"sub"} and record[4] == key_id for record in records(listing)) != 1:
        return frozenset()
    found: set[Address] = set()
    for user_id, signatures in _user_ids(listing, fingerprint):
        standing = listed_user_id(user_id)
        if standing.address and standing.live and _stands(signatures, key_id, at):
            found.add(standing.address)
    return frozenset(found)


def _user_ids(listing: bytes, fingerprint: str) -> Iterator[tuple[list[bytes], list[list[bytes]]]]:
    """Each user id of that key with the signatures on it."""
    inside = user_id = None
    signatures: list[list[bytes]] = []
    for record in records(listing):
        kind = record[0]
        if kind in {b"pub", b"uid", b"uat", b"sub"}:
            if user_id and inside:
                yield user_id, signatures
            user_id, signatures = (record if kind == b"uid" else None), []
            inside = None if kind == b"pub" else inside
        elif kind == b"fpr" and inside is None:
            inside = record[9].decode("ascii", "replace") == fingerprint
        elif kind in {b"sig", b"rev"} and user_id:
            signatures.append(record)
    if user_id and inside:
        yield user_id, signatures


def _stands(signatures: list[list[bytes]], authority: bytes, at: float) -> bool:
    """Whether the newest word of the authority is a certification that has not expired."""
    own = [record for record in signatures if _by(record, authority)]
    newest = max(own, key=lambda record: int(record[5]), default=None)
    if newest is None or newest[0] == b"rev" or any(record[0] == b"rev" for record in own):
        return False
    return newest[10][:2] in _CLASSES and (not newest[6] or int(newest[6]) > at)


def _by(record: list[bytes], authority: bytes) -> bool:
    if len(record) < 11 or record[1] != _GOOD or not record[5].isdigit() or (record[6] and not record[6].isdigit()):
        return False
    return record[4] == authority
