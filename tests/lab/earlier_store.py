"""A store that an earlier version wrote (the dumps `schemas/*.sql` of the tests), once this version has opened it."""

from __future__ import annotations

from dataclasses import replace

from lab.synthetic import NOW, certificate, entry
from relay.model import Address, Origin, Record, Why
from relay.store import Answer, Result, Store
from relay.store.verdict import NOT_ANY_MORE


async def is_whole(store: Store) -> None:
    """All that was in it is there, in this version's words, and it goes on from there."""
    (bob,) = await store.certificates.by_address(Address("bob@example.org"))
    assert bob == entry(replace(certificate("bob", data=b"bob"), holds_until=NOT_ANY_MORE))
    (ida,) = await store.certificates.by_address(Address("ida@example.org"))
    assert (ida.origin, ida.certificate.expires) == (Origin.WKD, 1_900_000_000)
    (old,) = await store.certificates.by_address(Address("old@example.org"))
    assert old.certificate.unusable(NOW) is Why.REVOKED
    assert await store.certificates.by_address(Address("rex@example.org")) == []
    await store.certificates.upsert([entry(certificate("rex", data=b"rex"), origin=Origin.WKD)])
    assert await store.certificates.by_address(Address("rex@example.org")) == [], "it stays rejected"
    assert await store.ledger.served(b"transaction") == {"<folded>b@ville.example"}
    assert [(r.id, r.shadow) async for r in store.trace.select()] == [(f"id{n}", False) for n in (3, 4, 5)]
    assert {r.action async for r in store.trace.select()} == {"encrypt"}, "seal was the word of version 0.1.0"
    assert (await store.trace.verify()).holds
    await store.trace.write(
        [Record(NOW, "new", "", "", "a", "b", "encrypt", "r", "w", "", "", "250 2.0.0", 1, shadow=True)]
    )
    verdict = await store.trace.verify()
    assert (verdict.holds, verdict.checked, verdict.head.number) == (True, 4, 6)
    answer = Answer("wkd", "new@example.org", NOW, Result.NOT_FOUND)
    await store.answers.put([answer])
    assert await store.leases.take("upkeep", 60.0)
