"""The ports of pick-ups in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from relay.model import Address
from relay.model.errors import EngineError, StoreError
from relay.model.own import OwnKey, OwnSubkey
from relay.model.pickup import Pickup, PickupState

DOCTOR = "a@here.example"


def own_key(address: str) -> OwnKey:
    return OwnKey(Address(address), "C" * 40, b"certificate", (OwnSubkey("D" * 40, 0, 9, "E" * 40),), 0)


@dataclass
class FakePeople:
    addresses: set[str] = field(default_factory=lambda: {DOCTOR})

    async def certificate(self, address: Address) -> OwnKey | None:
        return own_key(address.text) if address.text in self.addresses else None


@dataclass
class FakeService:
    """`shown` is what a visitor could fetch; `fails` names the steps that the service does not do."""

    stored: dict[str, bytes] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)

    async def put(self, pickup: Pickup, ciphertext: bytes) -> None:
        self._check("put")
        self.stored[pickup.id] = ciphertext
        self.shown.discard(pickup.id)

    async def activate(self, pickup: Pickup) -> bool:
        self._check("activate")
        self.shown.add(pickup.id)
        return pickup.id in self.stored

    async def remove(self, pickup: Pickup) -> None:
        self._check("remove")
        self.stored.pop(pickup.id, None)
        self.shown.discard(pickup.id)

    def _check(self, step: str) -> None:
        if step in self.fails:
            raise StoreError("the service is away")


@dataclass
class FakeRegister:
    rows: dict[str, Pickup] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)

    async def of(self, transaction: bytes, recipient: Address) -> Pickup | None:
        found = (one for one in self.rows.values() if one.transaction == transaction and one.recipient == recipient)
        return next(found, None)

    async def put(self, one: Pickup) -> None:
        self._check("put")
        self.rows[one.id] = one

    async def activate(self, one: Pickup) -> None:
        self._check("activate")
        self.rows[one.id] = replace(one, state=PickupState.ACTIVE)

    def _check(self, step: str) -> None:
        if step in self.fails:
            raise StoreError("the store is away")


@dataclass
class FakePresets:
    codes: dict[str, str] = field(default_factory=dict)
    fail: bool = False

    async def known(self, recipient: Address) -> bool:
        return recipient.text in self.codes

    async def code(self, recipient: Address) -> str | None:
        if self.fail:
            raise EngineError("no")
        return self.codes.get(recipient.text)


@dataclass
class FakeHook:
    works: bool = True
    handed: list[tuple[str, str]] = field(default_factory=list)

    async def hand_over(self, recipient: Address, code: str) -> bool:
        self.handed.append((recipient.text, code))
        return self.works
