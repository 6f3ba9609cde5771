"""What another process stores counts for the next message: no key is used that was revoked before it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.resolvers import Bench, bench
from lab.sources import NOW, fpr, key, read
from sqlalchemy import Connection

from relay.keys.signers import KnownSigners
from relay.model import Address, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.binding import Binding
from relay.model.errors import StoreError
from relay.store import Store

BOB = "bob@ville.example"


@dataclass
class Pair:
    """A relay that remembers that Bob has a good key, and a command beside it."""

    relay: Bench
    command: Store

    async def found(self) -> Lookup:
        return await self.relay.find(BOB)

    async def imports(self, octets: bytes) -> None:
        await self.command.certificates.upsert([Entry(read(octets), Origin.IMPORTED, int(NOW))])


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with bench(tmp_path) as at, await Store.open(tmp_path / "store.db") as command:
        await at.imported(key(1, BOB))
        assert isinstance(await at.find(BOB), Found)
        yield Pair(at, command)


async def test_a_key_was_encrypted_to_for_a_quarter_of_a_second_after_its_revocation_was_imported(pair: Pair) -> None:
    await pair.imports(key(1, BOB, revoked=True))
    found = await pair.found()
    assert isinstance(found, Unusable)
    assert found.why is Why.REVOKED


async def test_nor_is_its_signature_good(pair: Pair) -> None:
    signers = KnownSigners(pair.relay.store.certificates, pair.relay.resolver)
    [entry] = (await signers.of(Address(BOB))).author
    assert not entry.certificate.primary.revoked
    await pair.imports(key(1, BOB, revoked=True))
    [entry] = (await signers.of(Address(BOB))).author
    assert entry.certificate.primary.revoked


async def test_a_removed_key_is_gone_at_once_and_a_new_one_there(pair: Pair) -> None:
    await pair.command.certificates.remove(fpr(1))
    assert isinstance(await pair.found(), NotFound)
    await pair.imports(key(2, BOB))
    found = await pair.found()
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == fpr(2)


async def test_a_binding_counts_at_once(pair: Pair) -> None:
    await pair.command.certificates.remove(fpr(1))
    await pair.imports(key(3, "gateway@partner.example"))
    assert isinstance(await pair.found(), NotFound)
    await pair.command.bindings.put([Binding("*@ville.example", (fpr(3),))])
    found = await pair.found()
    assert isinstance(found, Found)
    assert found.binding == "*@ville.example"


async def test_messages_that_come_together_share_a_look_and_one_that_comes_later_waits_for_the_next(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that began before the revocation says nothing of it, whoever it was for."""
    reading, looks = pair.relay.store.database.read, 0
    begun, released = asyncio.Event(), asyncio.Event()

    async def slow(work: Callable[[Connection], object]) -> object:
        nonlocal looks
        answer = await reading(work)
        if "tokens" in work.__name__:
            looks += 1
            begun.set()
            await released.wait()
        return answer

    monkeypatch.setattr(pair.relay.store.database, "read", slow)
    early = [asyncio.create_task(pair.found()) for _ in range(20)]
    await asyncio.wait_for(begun.wait(), 10)
    await pair.imports(key(1, BOB, revoked=True))
    late = [asyncio.create_task(pair.found()) for _ in range(20)]
    await asyncio.sleep(0)
    released.set()
    assert all(isinstance(found, Unusable) for found in await asyncio.gather(*late))
    await asyncio.gather(*early)
    assert looks == 2


async def test_a_store_that_cannot_be_read_is_an_outage_though_the_key_is_remembered(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: object) -> None:
        raise StoreError("the store does not answer")

    monkeypatch.setattr(pair.relay.store.database, "read", fails)
    assert isinstance(await pair.found(), Outage)
