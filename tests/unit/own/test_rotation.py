from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from relay.model import Address
from relay.model.errors import OwnError
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.own.certificates import AT_ONCE, Lifetimes, OwnCertificates
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
    swept: list[list[str]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """Happens while the first certificate is renewed."""
    rounds: list[int] = field(default_factory=list)
    """How many certificates were given with each call of `rotate`."""
    able: int | None = None
    """How many of them it makes; None: all."""

    async def rotate(self, keys: Sequence[OwnKey], valid: float) -> list[OwnKey]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            await meanwhile()
        self.rounds.append(len(keys))
        return [self._rotated(key, valid) for key in keys[: self.able]]

    def _rotated(self, key: OwnKey, valid: float) -> OwnKey:
        new = OwnSubkey(f"new{len(key.subkeys)}", round(self.clock.now), round(self.clock.now + valid), "")
        return replace(key, subkeys=(*key.subkeys, new))

    async def forget(self, subkey: OwnSubkey) -> None:
        self.forgotten.append(subkey.fingerprint)

    async def sweep(self, keygrips: Collection[str]) -> None:
        self.swept.append(sorted(keygrips))

    async def revoke(self, key: OwnKey) -> OwnKey:
        return replace(key, data=key.data + b" revoked")


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


async def test_a_certificate_that_is_revoked_while_it_is_renewed_stays_revoked(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW - LIFETIMES.renew - 60)
    async with at.store:
        certificates = OwnCertificates(at.store.own_keys, at.maker, ["hopital.example"], LIFETIMES)  # type: ignore[arg-type]  # as above
        at.maker.meanwhile = lambda: certificates.revoke(MARTIN)
        await at.rotation.round()
        kept = await at.store.own_keys.get(MARTIN)
        assert kept
        assert (kept.state, kept.data) == (OwnState.REVOKED, b"certificate revoked")
        assert await at.subkeys() == ["s0"]
        assert at.maker.forgotten == ["new1"], "nobody has seen the new subkey"


async def many(tmp_path: Path, count: int) -> tuple[Site, OwnCertificates, list[Address]]:
    at = await site(tmp_path, NOW)
    addresses = [Address(f"a{number:03}@hopital.example") for number in range(count)]
    await at.store.own_keys.put([replace(key(NOW), address=address) for address in addresses])
    return at, OwnCertificates(at.store.own_keys, at.maker, ["hopital.example"], LIFETIMES), addresses  # type: ignore[arg-type]  # as above


async def test_many_certificates_get_their_new_subkeys_together_and_not_one_at_a_time(tmp_path: Path) -> None:
    at, certificates, addresses = await many(tmp_path, AT_ONCE + 30)
    async with at.store:
        rotated = [key async for key in certificates.rotate(addresses)]
        assert at.maker.rounds == [AT_ONCE, 30]
        assert [key.address for key in rotated] == addresses
        assert {len(key.subkeys) for key in await at.store.own_keys.all() if key.address in addresses} == {2}


async def test_certificates_that_could_not_be_renewed_with_the_others_are_tried_again(tmp_path: Path) -> None:
    at, certificates, addresses = await many(tmp_path, 5)
    at.maker.able = 2
    async with at.store:
        assert len([key async for key in certificates.rotate(addresses)]) == 5
        assert at.maker.rounds == [5, 3, 1]


async def test_what_was_renewed_beside_a_certificate_that_was_changed_at_that_moment_was_never_told(
    tmp_path: Path,
) -> None:
    at, certificates, addresses = await many(tmp_path, AT_ONCE + 2)
    at.maker.meanwhile = lambda: certificates.revoke(addresses[1])
    rotated: list[Address] = []

    async def rotate() -> None:
        async for key in certificates.rotate(addresses):
            assert await at.store.own_keys.get(key.address) == key, "it is told once it is stored"
            rotated.append(key.address)

    async with at.store:
        with pytest.raises(OwnError, match=r"of a001@hopital\.example was changed at this moment"):
            await rotate()
    assert rotated == [address for address in addresses if address != addresses[1]]


async def test_one_address_without_an_active_certificate_keeps_all_from_being_renewed(tmp_path: Path) -> None:
    at, certificates, addresses = await many(tmp_path, 3)
    async with at.store:
        await certificates.revoke(addresses[2])
        with pytest.raises(OwnError, match=r"a002@hopital\.example is revoked"):
            await anext(certificates.rotate(addresses))
        assert at.maker.rounds == []


async def test_what_was_deleted_elsewhere_or_in_a_crash_is_deleted_here_once_an_hour(tmp_path: Path) -> None:
    at = await site(tmp_path, NOW)
    async with at.store:
        await at.store.own_keys.bury([OwnSubkey("gone", 1, 2, "grip")])
        rotation = at.rotation
        for seconds in (0, 60, 3600):
            at.pass_time(seconds)
            await rotation.sweep()
        assert at.maker.swept == [["grip"]] * 2
