"""The certificates of the store: looked up by address for every message, managed by administrators.

`by_address` compares whole addresses by their key, through an index and a cache of this process. The cache holds one
state of the store: every change gives the store a new random token, which each message reads
(`relay.store.state_tokens`). So what any process imports, removes or restores counts for every message that comes
later. The token is random and not a counter, because a restored backup brings its own.

Raises `StoreError`: a store that cannot be read is never "no key".
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from relay.model import Address, Entry, Origin
from relay.model.harvest import CarriedKey, HarvestBounds, Outcome
from relay.model.key_change import HARVEST, UPKEEP
from relay.model.lookup import Proposal
from relay.store import certificate_decisions, certificate_queries, certificate_rows, sightings
from relay.store.cache import Cache
from relay.store.database import Database
from relay.store.key_changes import Noting
from relay.store.sought import EVERYTHING, Sought
from relay.store.state_tokens import StateTokens

T = TypeVar("T")

PAGE = 500


@dataclass(frozen=True, slots=True)
class Counts:
    """How many certificates there are."""

    total: int
    proposed: int
    expired: int
    by_origin: Mapping[Origin, int]
    """Of those that are not proposed."""


class Certificates:
    """Every certificate, by address, by fingerprint, or all."""

    def __init__(self, database: Database, tokens: StateTokens, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._cache = Cache(database, tokens)

    async def by_address(self, address: Address) -> list[Entry]:
        """Those with a user id of this whole address, revoked ones too; imported first, the newest first."""
        return list(await self._cache.get(address.key))

    async def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """The certificate whose primary key has this full fingerprint."""
        return (await self.by_fingerprints([fingerprint])).get(fingerprint)

    async def by_fingerprints(self, fingerprints: Collection[str]) -> dict[str, Entry]:
        """Those of these full fingerprints that are known."""
        return await self._database.read(lambda c: certificate_queries.by_fingerprints(c, fingerprints))

    async def by_key_ids(self, key_ids: Collection[str]) -> list[Entry]:
        """Those that have one of these keys or subkeys (16 digits each), ten at most."""
        return await self._database.read(lambda c: certificate_queries.by_key_ids(c, key_ids))

    async def claimed_by(self, fingerprints: Collection[str]) -> list[Entry]:
        """Those that carry an unverified revocation by one of these keys, their designated revokers."""
        return await self._database.read(lambda c: certificate_queries.claimed_by(c, fingerprints))

    async def shared(self, addresses: Collection[Address]) -> list[Entry]:
        """All certificates of those of these addresses that several certificates have."""
        keys = [address.key for address in addresses]
        return await self._database.read(lambda c: certificate_queries.shared(c, keys))

    async def search(self, text: str) -> list[Entry]:
        """For people: a fingerprint, its beginning (8 digits or more) or a 16-digit key id, spaced as they like.

        Several where the text is not unique, ten at most.
        """
        return await self._database.read(lambda c: certificate_queries.search(c, text))

    async def iterate(self, sought: Sought = EVERYTHING) -> AsyncIterator[Entry]:
        """All that may be sought, by fingerprint. Read page by page: no lock is held meanwhile."""
        after = ""
        while page := await self._database.read(
            partial(certificate_queries.page, after=after, size=PAGE, sought=sought)
        ):
            for entry in page:
                yield entry
            after = page[-1].certificate.fingerprint

    async def some(self, sought: Sought, most: int) -> list[Entry]:
        """Up to `most` that may be sought, in no order."""
        return await self._database.read(lambda c: certificate_queries.some(c, sought, most))

    async def first(self, most: int) -> list[Entry]:
        """The first by their addresses."""
        return await self._database.read(lambda c: certificate_queries.first(c, most))

    async def expiring(self, within: float, most: int | None = None) -> list[Entry]:
        """Those that have not expired but will within so many seconds, the next one first."""
        now = self._clock()
        return await self._database.read(lambda c: certificate_queries.expiring(c, now, now + within, most))

    async def count_expiring(self, within: float) -> int:
        """How many those are, proposed ones left out."""
        now = self._clock()
        return await self._database.read(lambda c: certificate_queries.count_expiring(c, now, now + within))

    async def proposed(self, most: int) -> list[Proposal]:
        """Those that wait for a person, the newest first."""
        return await self._database.read(lambda c: certificate_queries.proposed(c, most))

    async def count_proposed(self) -> int:
        """How many wait for a person."""
        return await self._database.read(certificate_queries.count_proposed)

    async def state(self) -> bytes | None:
        """A value that changes with every change of certificates; None: nothing was ever stored."""
        return await self._database.read(certificate_queries.token)

    async def counts(self) -> Counts:
        """How many there are, of which kind."""
        now = self._clock()
        numbers = await self._database.read(lambda c: certificate_queries.counts(c, now))
        in_use = [number for number in numbers if not number.proposed]
        return Counts(
            total=sum(number.total for number in numbers),
            proposed=sum(number.total for number in numbers if number.proposed),
            expired=sum(number.expired for number in numbers),
            by_origin=_by_origin(in_use),
        )

    async def upsert(
        self, entries: Sequence[Entry], known: Mapping[str, int | None] | None = None, *, actor: str = UPKEEP
    ) -> list[Entry]:
        """Store all of them in one transaction, each in place of what has its fingerprint.

        `known` holds the version of the row that each entry was made from (optimistic locking); what it does not
        name was not in the store. An entry whose row was changed, added or deleted since is not stored and is
        returned: read and merge again. What was rejected before is not stored as fetched or proposed; importing it
        lifts the rejection.
        """
        noting = Noting(actor, self._clock())
        return await self._change(lambda c: certificate_rows.upsert(c, entries, known, noting))

    async def harvest(self, entry: Entry, key: CarriedKey, bounds: HarvestBounds) -> Outcome:
        """Store a certificate that came with mail and is not known, within these bounds; what was done."""
        now = self._clock()
        noting = Noting(HARVEST, now, dkim_domain=key.dkim_domain)
        fingerprint = entry.certificate.fingerprint

        def write(connection: Connection) -> Outcome:
            if not sightings.may_take(connection, key.address, bounds, now, proposed=entry.proposed):
                return Outcome.BUDGET
            if certificate_rows.upsert(connection, [entry], {}, noting):
                return Outcome.KNOWN
            sightings.take(connection, key.address, fingerprint, now)
            return Outcome.PROPOSED if entry.proposed else Outcome.USED

        return await self._change(write)

    async def remove(self, fingerprint: str, *, actor: str = UPKEEP) -> bool:
        """Delete it; whether it was there."""
        noting = Noting(actor, self._clock())
        return await self._change(lambda c: certificate_rows.remove(c, fingerprint, noting))

    async def remove_fetched(self, fingerprint: str, version: int | None, *, actor: str = UPKEEP) -> None:
        """Delete one that a source brought, unless its row was changed since `version` or somebody approved it."""
        noting = Noting(actor, self._clock(), "replaced")
        await self._change(lambda c: certificate_rows.remove_fetched(c, fingerprint, version, noting))

    async def approve(self, fingerprint: str, *, version: int | None = None, actor: str = UPKEEP) -> bool:
        """Use a proposed certificate from now on; whether one was waiting, with this version where one is given."""
        noting = Noting(actor, self._clock(), "approved")
        return await self._change(lambda c: certificate_rows.approve(c, fingerprint, version, noting))

    async def is_approved(self, fingerprint: str) -> bool:
        """Whether it was proposed once, and approved."""
        return await self._database.read(lambda c: certificate_decisions.is_approved(c, fingerprint))

    async def is_rejected(self, fingerprint: str) -> bool:
        """Whether a person rejected it."""
        return await self._database.read(lambda c: certificate_decisions.is_rejected(c, fingerprint))

    async def reject(self, fingerprint: str, *, actor: str = UPKEEP) -> bool:
        """Take a proposed certificate out and do not have it proposed again; whether one was waiting."""
        noting = Noting(actor, self._clock(), "rejected")
        return await self._change(lambda c: certificate_rows.reject(c, fingerprint, noting))

    async def _change(self, work: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(work, "certificates")
        finally:
            self._tokens.forget()


def _by_origin(numbers: Iterable[certificate_queries.Number]) -> dict[Origin, int]:
    found: Counter[Origin] = Counter()
    for number in numbers:
        found[Origin(number.origin)] += number.total
    return dict(found)
