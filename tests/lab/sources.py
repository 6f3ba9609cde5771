"""Sources and keys in memory, for tests of the resolver: what is merged, asked, waited for.

A key is JSON (`key(...)`); `Notary` examines and merges such keys as GnuPG would real ones: a revocation stays, the
latest expiry counts. `Directory` is a source with a shelf of keys for each address, which may be down or slow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from lab.others import NoOthers
from relay.keys.selection import answer, select
from relay.model import (
    Address,
    Certificate,
    Component,
    Lookup,
    NotFound,
    Origin,
    Outage,
    Unreadable,
    UserId,
)
from relay.pipeline.ports import Examiner

NOW = 1_800_000_000.0
DAY = 24 * 3600


def key(number: int, *addresses: str, expires: float | None = None, revoked: bool = False, weak: bool = False) -> bytes:
    """One state of the key of this number."""
    state = {"number": number, "addresses": addresses, "expires": expires, "revoked": revoked, "weak": weak}
    return json.dumps(state).encode()


def narrow(state: bytes, addresses: Collection[Address]) -> bytes:
    """As `relay.mail.user_id_filter.narrowed` with real ones."""
    read_ = json.loads(state)
    return json.dumps({**read_, "addresses": [a for a in read_["addresses"] if Address(a) in addresses]}).encode()


def fpr(number: int) -> str:
    return f"{number:040X}"


class Notary(NoOthers):
    """`relay.pipeline.ports.Examiner`."""

    def __init__(self) -> None:
        self.merges = 0

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        return [read(blob) for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        self.merges += 1
        old, new = json.loads(known), json.loads(news)
        ends = [state["expires"] for state in (old, new)]
        return read(
            key(
                old["number"],
                *dict.fromkeys([*old["addresses"], *new["addresses"]]),
                expires=None if None in ends else max(ends),
                revoked=old["revoked"] or new["revoked"],
                weak=old["weak"],
            )
        )


def read(blob: bytes) -> Certificate:
    state = json.loads(blob)
    end = None if state["expires"] is None else int(state["expires"])
    weak = ("RSA of 1024 bits",) if state["weak"] else ()
    primary = Component(
        fpr(state["number"]), "ed25519", 0, end, encrypts=False, revoked=state["revoked"], weaknesses=weak
    )
    subkey = Component(fpr(state["number"] + 0xABC0000), "cv25519", 0, None, encrypts=True)
    return Certificate(
        blob,
        4,
        (primary, subkey),
        tuple(UserId(a, Address(a)) for a in state["addresses"]),
    )


@dataclass
class Directory:
    """A source: what it has for each address, an outage's reason or another answer in place of it, or nothing."""

    name: str
    examiner: Examiner
    shelf: dict[str, list[bytes] | str | Lookup] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: float = NOW
    gate: asyncio.Event | None = None
    """Where there is one, nobody gets an answer before it is set."""
    at_once: int = 0
    most_at_once: int = 0
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    disabled: set[str] = field(default_factory=set)
    """The addresses whose keys it says are disabled."""

    @property
    def method(self) -> str:
        return f"{self.name}/test"

    async def lookup(self, address: Address) -> Lookup:
        self.asked.append(address.key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        async with self.came:
            self.came.notify_all()
        try:
            if self.gate:
                await self.gate.wait()
            return await self._lookup(address)
        finally:
            self.at_once -= 1

    async def busy(self, count: int) -> None:
        """Wait until so many are asking."""
        async with self.came:
            await self.came.wait_for(lambda: self.at_once >= count)

    async def _lookup(self, address: Address) -> Lookup:
        held = self.shelf.get(address.key, [])
        if isinstance(held, str):
            return Outage(self.name, held, self.method)
        if not isinstance(held, list):
            return held
        read_ = [c for c in await self.examiner.examine(held) if isinstance(c, Certificate)]
        if not read_:
            return NotFound(self.name, self.method)
        disabled = address.key in self.disabled
        judged = select([replace(c, disabled=disabled) for c in read_], lambda c: c.unusable(self.now, address))
        return answer(judged, Origin(self.name), self.name, self.method)
