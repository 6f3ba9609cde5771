"""Stores keys that came with mail: `take` takes a key whose mail meets all conditions (`relay.policy.harvest`).

The key is cut down to the user id of the mail's author, and stored once a second mail has confirmed it: as a proposal,
or (`use: instead_of_clear`) to be used in place of cleartext, behind every other key. Where an administrator imported a
key for the address, it is always a proposal. A key that the store has already is merged if it came with mail, and left
alone otherwise.

Raises `StoreError` and `EngineError`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from relay.keys import narrowing
from relay.keys.judging_limits import HourlyLimit
from relay.keys.keyring import Keyring
from relay.keys.merge_policy import MergePolicy
from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.model import Address, Certificate, Entry, Origin
from relay.model.harvest import CarriedKey, HarvestBounds, NextStep, Outcome
from relay.pipeline.ports import Examiner
from relay.store import Certificates, Sightings


async def no_rest() -> None:
    """Go on at once."""


@dataclass(frozen=True, slots=True)
class Harvesting:
    """Stores keys that came with mail."""

    certificates: Certificates
    sightings: Sightings
    examiner: Examiner
    merge_policy: MergePolicy
    keyring: Keyring
    """Decides whether this site uses such a certificate."""
    next_step: NextStep
    limit: HourlyLimit
    rest: Callable[[], Awaitable[None]] = no_rest
    """Awaited between two steps, so that a mail meets one of them at most."""
    instead_of_clear: bool = False
    bounds: HarvestBounds = HarvestBounds()  # noqa: RUF009  frozen
    clock: Callable[[], float] = time.time

    async def take(self, key: CarriedKey) -> Outcome:
        """Store, propose or merge this key where it is due. Returns what was done, or why nothing was."""
        name = self._fingerprint(key.data)
        known = await self.certificates.by_fingerprint(name)
        if known and known.origin is not Origin.HARVESTED:
            return Outcome.KNOWN
        await self.rest()
        if await self.certificates.is_rejected(name):
            return Outcome.REJECTED
        await self.rest()
        waiting = await self.sightings.step(key, name, self.next_step, self.bounds)
        if waiting:
            return waiting
        return await self._confirmed(key, known) if self.limit.admits(key.address) else Outcome.BUDGET

    def _fingerprint(self, data: bytes) -> str:
        """The fingerprint of the key's primary key."""
        return fingerprint(packets.body(data, next(packets.walk(data))))

    async def _confirmed(self, key: CarriedKey, known: Entry | None) -> Outcome:
        await self.rest()
        cut = await self._cut(key)
        if cut is None:
            return Outcome.UNUSABLE
        await self.rest()
        if known:
            await self.merge_policy.learn([cut])
            return Outcome.RENEWED
        beside = [entry for entry in await self.certificates.by_address(key.address) if not entry.proposed]
        await self.rest()
        imported = any(entry.origin is Origin.IMPORTED for entry in beside)
        certificate = cut.showing((key.address,))
        entry = Entry(certificate, Origin.HARVESTED, int(self.clock()), imported or not self.instead_of_clear)
        outcome = await self.certificates.harvest(entry, key, self.bounds)
        if outcome is Outcome.USED:
            await self._replace(beside, key.address)
        return outcome

    async def _cut(self, key: CarriedKey) -> Certificate | None:
        """The certificate with the author's user id alone; None where it cannot be used."""
        (whole,) = await self.examiner.examine([key.data])
        if not isinstance(whole, Certificate):
            return None
        (cut,) = await narrowing.narrow([whole], key.address, self.examiner)
        return cut if isinstance(cut, Certificate) and not self.keyring.fault(cut, key.address) else None

    async def _replace(self, beside: list[Entry], address: Address) -> None:
        """Remove keys that mail brought before and that are for this address alone."""
        for entry in beside:
            if entry.origin is Origin.HARVESTED and set(entry.certificate.shown_addresses) <= {address}:
                await self.certificates.remove_fetched(entry.certificate.fingerprint, entry.version)
