"""Keys that are proposed: what waits for a person, approved or rejected.

Raises `NoSuchKey` for a key that is not proposed, and `StoreError`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from relay.admin.four_eyes import Deed, agreed, waiting
from relay.admin.keys import NoSuchKey, one, refuse_bound
from relay.config import Config
from relay.model import Certificate, Entry, Origin
from relay.model.lookup import Proposal
from relay.store import Store

MOST_PROPOSALS = 10_000


async def approve(config: Config, store: Store, name: str, actor: str, seen: str = "") -> str:
    """Use a proposed key from now on; returns its fingerprint. Raises `SecondPersonNeeded` too.

    `seen`: the state of the key that the person was shown (`state_of`); another one is refused. Without it the state
    counts that is there now.
    """
    entry = await one(store, name)
    fingerprint = entry.certificate.fingerprint
    if not entry.proposed:
        raise _not_proposed(fingerprint, "approve")
    if seen and seen != state_of(entry.certificate):
        raise _changed(fingerprint)
    await agreed(config, store, approval(entry.certificate), actor)
    if not await store.certificates.approve(fingerprint, version=entry.version, actor=actor):
        raise _changed(fingerprint)
    return fingerprint


async def approve_all(config: Config, store: Store, origin: Origin, actor: str) -> list[str]:
    """Use all proposed keys of this origin from now on; returns their fingerprints. Raises `SecondPersonNeeded` too."""
    proposed = [proposal.entry for proposal in await store.certificates.proposed(MOST_PROPOSALS)]
    entries = [entry for entry in proposed if entry.origin is origin]
    if entries:
        details = sorted(detail for entry in entries for detail in approval(entry.certificate).details)
        deed = Deed("approve", f"approve all {len(entries)} of {origin.value}", tuple(details))
        await agreed(config, store, deed, actor)
    wanted = {entry.certificate.fingerprint: entry.version for entry in entries}
    approve = store.certificates.approve
    return [one for one, version in wanted.items() if await approve(one, version=version, actor=actor)]


async def approved_by(config: Config, store: Store, entry: Entry) -> str:
    """Who has approved this proposal and waits for a second person; empty: nobody."""
    return await waiting(config, store, approval(entry.certificate))


def approval(certificate: Certificate) -> Deed:
    """The approval of exactly these octets."""
    fingerprint = certificate.fingerprint
    return Deed("approve", f"approve {fingerprint}", (fingerprint, state_of(certificate)))


def state_of(certificate: Certificate) -> str:
    """What an approval covers beside the fingerprint, as SHA-256: the key's octets, and their addresses.

    For a key that its owner sent in, only the proved address counts.
    """
    addresses = json.dumps(sorted(address.text for address in certificate.shown_addresses))
    return hashlib.sha256(hashlib.sha256(certificate.data).digest() + addresses.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Offered:
    """A proposal for one address, beside the key that it would replace."""

    proposal: Proposal
    address: str
    replaces: str
    """The fingerprint of the key that counts now; empty: none."""


async def offered(store: Store, most: int = MOST_PROPOSALS) -> list[Offered]:
    """The proposals that wait, the newest first; one for each address of a key."""
    found: list[Offered] = []
    for proposal in await store.certificates.proposed(most):
        for address in proposal.entry.certificate.shown_addresses:
            beside = [entry for entry in await store.certificates.by_address(address) if not entry.proposed]
            replaces = beside[0].certificate.fingerprint if beside else ""
            found.append(Offered(proposal, address.text, replaces))
    return found


async def reject(store: Store, name: str, actor: str) -> str:
    """Remove a proposed key and never propose it again; returns its fingerprint."""
    fingerprint = (await one(store, name)).certificate.fingerprint
    await refuse_bound(store, fingerprint)
    if not await store.certificates.reject(fingerprint, actor=actor):
        raise _not_proposed(fingerprint, "reject")
    return fingerprint


def _changed(fingerprint: str) -> NoSuchKey:
    return NoSuchKey(f"{fingerprint}: has changed since you looked at it: look at it again")


def _not_proposed(fingerprint: str, verb: str) -> NoSuchKey:
    return NoSuchKey(f"{fingerprint}: is not proposed, there is nothing to {verb}")
