"""Revocations that come apart from the keys they are about.

A key revocation that stands alone (what `gpg --gen-revoke` writes) is a state of the key that it names as its issuer.
What `gpg --desig-revoke` writes names the designated revoker alone: it is a state of the keys for which it holds. A
designated revoker's key, once it is stored, makes the revocations count that other stored keys carry by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from relay.admin.key_import.result import Offer, Result, refused
from relay.admin.key_import.storing import State
from relay.mail import packets, signature
from relay.model import Certificate, Entry, Unreadable
from relay.pipeline.ports import Examiner
from relay.store import Certificates

_LENGTHS = {16, 40, 64}
"""Hexadecimal digits of a key id and of fingerprints."""


async def states(
    certificates: Certificates, examiner: Examiner, offers: Sequence[Offer]
) -> tuple[list[State], dict[int, Result]]:
    """Each revocation as a state of the stored key that it names; the fate of those that name none, by id."""
    found: list[State] = []
    results: dict[int, Result] = {}
    for offer in offers:
        read = signature.read(offer.data)
        issuers = sorted(name for name in read.issuers if len(name) in _LENGTHS) if read else []
        named = {entry.certificate.fingerprint: entry for name in issuers for entry in await certificates.search(name)}
        if not named:
            issuer = max(issuers, key=len, default="no key")  # the fingerprint, where it says more than a key id
            results[id(offer)] = refused(
                offer, f"This revokes {issuer}, which is not in the store: import the key too."
            )
        found += await _others(certificates, examiner, offer, named) or [_state(offer, e) for e in named.values()]
    return found, results


async def _others(
    certificates: Certificates, examiner: Examiner, offer: Offer, revokers: Mapping[str, Entry]
) -> list[State]:
    """States of the stored keys that this revokes for one of these, their designated revoker."""
    octets = [bytes.fromhex(fingerprint) for fingerprint in revokers]
    found: list[State] = []
    async for entry in certificates.iterate():
        certificate = entry.certificate
        if certificate.fingerprint not in revokers and any(one in certificate.data for one in octets):
            state = _state(offer, entry)
            merged = await examiner.merge(certificate.data, state.data)
            found += [state] if isinstance(merged, Certificate) and merged.primary.revoked else []
    return found


async def claim(
    examiner: Examiner, certificates: Certificates, revokers: Collection[str], actor: str
) -> list[tuple[str, Entry]]:
    """Revoke the stored keys that one of these revokes; the fingerprint of each revoker, and the key."""
    claimed = [entry for entry in await certificates.claimed_by(revokers) if not entry.certificate.primary.revoked]
    verdicts = await examiner.examine([entry.certificate.data for entry in claimed]) if claimed else []
    revoked = [
        replace(entry, certificate=verdict)
        for entry, verdict in zip(claimed, verdicts, strict=True)
        if isinstance(verdict, Certificate) and verdict.primary.revoked
    ]
    versions = {entry.certificate.fingerprint: entry.version for entry in revoked}
    outdated = {entry.certificate.fingerprint for entry in await certificates.upsert(revoked, versions, actor=actor)}
    return [
        (revoker, entry)
        for entry in revoked
        if entry.certificate.fingerprint not in outdated
        for revoker in entry.certificate.revokers
        if revoker in revokers
    ]


def _state(offer: Offer, entry: Entry) -> State:
    data = entry.certificate.data
    primary = packets.body(data, next(packets.walk(data)))
    revoked = packets.packet(packets.PUBLIC_KEY, primary) + packets.packet(packets.SIGNATURE, offer.data)
    return State(offer, entry.certificate.fingerprint, revoked, Unreadable("This is a revocation and no key."))
