from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from relay.model import Address
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.own.certificates import Lifetimes
from relay.own.rotation import DAY, Rotation
from relay.store import Store

NOW = 1_800_000_000.0
LIFETIMES = Lifetimes(valid=400 * DAY, renew=200 * DAY, keep=30 * DAY)
MARTIN = Address("dr.martin@hopital.example")


@dataclass
class Clock:
    now: float = NOW
    count: float = 0.0


@dataclass
class Maker:
    """Notes what it is asked to do; the real one is in the contract suite."""

    clock: Clock
    forgotten: list[str] = field(default_factory=list)

    async def rotate(self, key: OwnKey, valid: float) -> OwnKey:
        new = OwnSubkey(f"new{len(key.subkeys)}", round(self.clock.now), round(self.clock.now + valid), "")
        return replace(key, subkeys=(*key.subkeys, new))

    async def forget(self, subkey: OwnSubkey) -> None:
        self.forgotten.append(subkey.fingerprint)


@dataclass
class Site:
    store: Store
    clock: Clock
    maker: Maker

    @property
    def rotation(self) -> Rotation:
        """As after a start."""
        clock = self.clock
        return Rotation(
            self.store.own_keys,
            self.maker,  # type: ignore[arg-type]  # the two methods that rotation calls
            LIFETIMES,
            lambda: clock.now,
            lambda: clock.count,
        )

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.clock.count += seconds

    async def subkeys(self) -> list[str]:
        key = await self.store.own_keys.get(MARTIN)
        assert key
        return [subkey.fingerprint for subkey in key.subkeys]


def key(*made: float) -> OwnKey:
    subkeys = tuple(OwnSubkey(f"s{n}", round(at), round(at + LIFETIMES.valid), "") for n, at in enumerate(made))
    return OwnKey(MARTIN, "F" * 40, b"certificate", subkeys, round(made[0]))


async def site(tmp_path: Path, *made: float) -> Site:
    clock = Clock()
    store = await Store.open(tmp_path / "s.db", clock=lambda: clock.now)
    await store.own_keys.put([key(*made)])
    return Site(store, clock, Maker(clock))


async def test_a_new_subkey_is_made_when_the_newest_is_old(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - LIFETIMES.renew + 60)
    async with at.store:
        await at.rotation.round()
        assert await at.subkeys() == ["s0"]
        at.pass_time(120)
        await at.rotation.round()
        assert await at.subkeys() == ["s0", "new1"]


async def test_a_revoked_address_gets_no_new_subkey(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - LIFETIMES.valid)
    async with at.store:
        await at.store.own_keys.put([replace(key(NOW - LIFETIMES.valid), state=OwnState.REVOKED)])
        await at.rotation.round()
        assert await at.subkeys() == ["s0"]


async def test_an_old_subkey_is_deleted_after_a_day_of_looks_and_leaves_a_tombstone(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - LIFETIMES.valid - LIFETIMES.keep - 60, NOW - 60)
    async with at.store:
        rotation = at.rotation
        for _ in range(24):
            await rotation.round()
            assert at.maker.forgotten == []
            at.pass_time(3600)
        await rotation.round()
        assert at.maker.forgotten == ["s0"]
        assert await at.store.own_keys.deleted(["s0", "s1"]) == {"s0"}
        at.pass_time(2 * DAY)
        await rotation.round()
        assert at.maker.forgotten == ["s0"], "once"


async def test_a_clock_a_year_ahead_for_an_hour_deletes_nothing(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - 100 * DAY, NOW - 60)
    async with at.store:
        rotation = at.rotation
        await rotation.round()
        at.clock.now += 365 * DAY
        for _ in range(3):
            at.pass_time(1800)
            await rotation.round()
        at.clock.now -= 365 * DAY
        for _ in range(60):
            at.pass_time(3600)
            await rotation.round()
        assert at.maker.forgotten == []


async def test_a_restart_begins_the_day_anew(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - LIFETIMES.valid - LIFETIMES.keep - 60, NOW - 60)
    async with at.store:
        await at.rotation.round()
        at.pass_time(DAY + 60)
        await at.rotation.round()
        assert at.maker.forgotten == []


async def test_the_newest_subkey_is_never_deleted(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - 10 * LIFETIMES.valid)
    async with at.store:
        await at.store.own_keys.put([replace(key(NOW - 10 * LIFETIMES.valid), state=OwnState.REMOVED)])
        rotation = at.rotation
        await rotation.round()
        at.pass_time(2 * DAY)
        await rotation.round()
        assert at.maker.forgotten == []
