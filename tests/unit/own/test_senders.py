"""Who signs for an own address: made once, at its first mail, and nobody waits long for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lab.waiting import until

from relay.model import Address
from relay.model.errors import EngineError, OwnError, RelayError
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.own.certificates import Lifetimes, OwnCertificates
from relay.own.existing import ListedInFile
from relay.own.ports import Existing
from relay.own.senders import MOST_WAITING, Senders
from relay.store import Store

MARTIN, DESK = Address("dr.martin@hopital.example"), Address("accueil@hopital.example")


@dataclass
class Maker:
    """Makes keys on paper; the real one is in the contract suite."""

    asked: list[Address] = field(default_factory=list)
    made: list[Address] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    fail: bool = False

    async def make(self, addresses: Sequence[Address], _valid: float) -> list[OwnKey]:
        self.asked += addresses
        await self.may_go_on.wait()
        if self.fail:
            raise EngineError("no")
        self.made += addresses
        number = f"{len(self.made):040X}"
        return [OwnKey(one, number, b"key", (OwnSubkey(number, 1, 2, f"grip{number}"),), 1) for one in addresses]

    async def forget(self, subkey: OwnSubkey) -> None:
        self.forgotten.append(subkey.keygrip)


@dataclass
class Everybody:
    """Exists."""

    async def addresses(self) -> Sequence[Address]:
        return ()

    async def knows(self, address: Address) -> bool:
        return address != DESK


class Bench:
    here = True
    """The secret parts are on this node."""

    def __init__(self, store: Store, existing: Existing | None = None, patience: float = 20.0) -> None:
        self.store, self.maker, self.told = store, Maker(), list[RelayError]()
        self.maker.may_go_on.set()
        self.senders = Senders(
            register=store.own_keys,
            is_own=lambda address: address.domain == "hopital.example",
            existing=existing or Everybody(),
            certificates=self.certificates,
            failed=self.told.append,
            signs_here=lambda _key: self.here,
            patience=patience,
        )

    async def certificates(self) -> OwnCertificates:
        lifetimes = Lifetimes(400.0, 200.0, 30.0)
        return OwnCertificates(self.store.own_keys, self.maker, ["hopital.example"], lifetimes)  # type: ignore[arg-type]  # the methods that it calls


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


async def test_the_first_mail_makes_it_and_the_next_ones_find_it(bench: Bench) -> None:
    keys = await asyncio.gather(*(bench.senders.key(MARTIN) for _ in range(5)))
    assert {key.fingerprint for key in keys if key} == {f"{1:040X}"}
    assert None not in keys
    assert bench.maker.made == [MARTIN]


async def test_who_does_not_exist_or_is_not_ours_gets_none(bench: Bench) -> None:
    assert await bench.senders.key(DESK) is None
    assert await bench.senders.key(Address("dr.martin@ville.example")) is None
    assert bench.maker.made == []


@pytest.mark.parametrize("state", [OwnState.REMOVED, OwnState.REVOKED])
async def test_one_that_was_taken_out_of_use_signs_nothing_and_no_new_one_is_made(
    bench: Bench, state: OwnState
) -> None:
    key = await bench.senders.key(MARTIN)
    assert key is not None
    await bench.store.own_keys.put([replace(key, state=state)])
    assert await bench.senders.key(MARTIN) is None
    assert bench.maker.made == [MARTIN]


async def test_a_mail_does_not_wait_longer_than_that_and_the_next_one_has_it(store: Store) -> None:
    bench = Bench(store, patience=0.01)
    bench.maker.may_go_on.clear()
    assert await bench.senders.key(MARTIN) is None
    bench.maker.may_go_on.set()
    bench.senders = Bench(bench.store).senders
    await until(lambda: bench.maker.made == [MARTIN])
    assert await bench.senders.key(MARTIN) == await bench.store.own_keys.get(MARTIN)
    assert bench.maker.made == [MARTIN]


async def test_what_fails_is_told_and_tried_again_with_the_next_mail(bench: Bench) -> None:
    bench.maker.fail = True
    assert await bench.senders.key(MARTIN) is None
    assert [type(error) for error in bench.told] == [EngineError]
    bench.maker.fail = False
    assert await bench.senders.key(MARTIN) is not None


async def test_few_wait_at_once(store: Store) -> None:
    bench = Bench(store, patience=0.01)
    bench.maker.may_go_on.clear()
    addresses = [Address(f"a{number}@hopital.example") for number in range(MOST_WAITING + 5)]
    assert await asyncio.gather(*map(bench.senders.key, addresses)) == [None] * len(addresses)
    bench.maker.may_go_on.set()
    await until(lambda: len(bench.maker.made) == MOST_WAITING)
    await asyncio.sleep(0.01)
    assert len(bench.maker.made) == MOST_WAITING


async def test_of_two_processes_that_make_one_at_once_both_use_the_first(store: Store) -> None:
    one, two = Bench(store), Bench(store)
    for bench in (one, two):
        bench.maker.may_go_on.clear()
    two.maker.made.append(DESK)  # its next key has another number
    waiting = [asyncio.create_task(bench.senders.key(MARTIN)) for bench in (one, two)]
    await until(lambda: one.maker.asked == two.maker.asked == [MARTIN])  # neither has found the other's
    one.maker.may_go_on.set()
    first = await waiting[0]
    two.maker.may_go_on.set()
    second = await waiting[1]
    assert first is not None
    assert second == first == await store.own_keys.get(MARTIN)
    assert (one.maker.forgotten, two.maker.forgotten) == ([], [f"grip{2:040X}"])


async def test_a_file_is_read_again_when_it_changes_and_kept_when_it_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "addresses.txt"
    file.write_text("dr.martin@hopital.example\n")
    existing = ListedInFile(file)
    assert (await existing.knows(MARTIN), await existing.knows(DESK)) == (True, False)
    file.write_text("dr.martin@hopital.example\naccueil@hopital.example\n")
    assert await existing.knows(DESK)
    file.write_text("no address at all\n\0")
    assert await existing.knows(DESK)
    with pytest.raises(OwnError):
        await existing.addresses()
    file.unlink()
    assert await existing.knows(DESK)


async def test_on_a_node_that_does_not_have_its_secret_part_yet_it_signs_nothing_and_none_is_made(bench: Bench) -> None:
    key = await bench.senders.key(MARTIN)
    bench.here = False
    assert await bench.senders.key(MARTIN) is None
    bench.here = True
    assert await bench.senders.key(MARTIN) == key
    assert bench.maker.made == [MARTIN]
