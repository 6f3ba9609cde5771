"""The store learns from all that was examined at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from lab.sources import NOW, Notary, fpr, key, narrow, read

from relay.keys.merge_policy import MergePolicy
from relay.model import Entry, Origin, Why
from relay.store import Store

BOB = "bob@ville.example"


async def test_a_revocation_among_many_counts_and_the_store_is_asked_once_for_those_it_does_not_know(
    tmp_path: Path,
) -> None:
    async with await Store.open(tmp_path / "store.db", clock=lambda: NOW) as store:
        await store.certificates.upsert([Entry(read(key(7, BOB)), Origin.WKD, int(NOW))])
        asked = Counter[int]()
        real = store.certificates.by_fingerprints

        async def counted(fingerprints: Collection[str]) -> dict[str, Entry]:
            asked[len(fingerprints)] += 1
            return await real(fingerprints)

        store.certificates.by_fingerprints = counted  # type: ignore[method-assign]  # a witness
        merge_policy = MergePolicy(store.certificates, Notary(), lambda: NOW, narrow)
        await merge_policy.learn([read(key(n, BOB, revoked=n == 7)) for n in range(1, 51)])
        assert asked == {50: 1, 1: 1}
        entry = (await real([fpr(7)]))[fpr(7)]
        assert entry.certificate.unusable(NOW) is Why.REVOKED


async def test_two_who_learn_of_the_same_in_opposite_order_do_not_wait_for_each_other_for_ever(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "store.db", clock=lambda: NOW) as store:
        merge_policy = MergePolicy(store.certificates, Notary(), lambda: NOW, narrow)
        several = [read(key(n, BOB)) for n in range(1, 21)]
        await store.certificates.upsert([Entry(one, Origin.WKD, int(NOW)) for one in several])
        revoked = [read(key(n, BOB, revoked=True)) for n in range(1, 21)]
        async with asyncio.timeout(30):
            await asyncio.gather(*(merge_policy.learn(revoked[::step]) for step in (1, -1) * 5))
        known = await store.certificates.by_fingerprints([one.fingerprint for one in several])
        assert {entry.certificate.unusable(NOW) for entry in known.values()} == {Why.REVOKED}
