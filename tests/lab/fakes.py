"""Ports in memory, for tests of what stands between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from relay.model import (
    Address,
    Certificate,
    Component,
    Envelope,
    Found,
    Inbound,
    Lookup,
    NotFound,
    Origin,
    Recipient,
    Record,
    Reply,
    Signer,
    UserId,
)
from relay.model.errors import EngineError, NextHopError, StoreError, TurnLost


def certificate(address: str, number: int = 1) -> Certificate:
    """A usable certificate that exists on paper alone."""
    primary = Component(f"{number:040X}", "ed25519", 0, None, encrypts=False)
    subkey = Component(f"{number + 0xABC0000:040X}", "cv25519", 0, None, encrypts=True)
    return Certificate(b"certificate", 4, (primary, subkey), (UserId(address, Address(address)),))


def found(address: str, number: int = 1) -> Found:
    return Found(certificate(address, number), Origin.IMPORTED, "keyring", "keyring")


def inbound(
    *recipients: str | Recipient,
    content: bytes = b"From: a@here.example\r\nTo: b@there.example\r\nSubject: canary\r\n\r\nbody\r\n",
    sender: str | None = "a@here.example",
    single_answer: bool = False,
    id_: str = "id1",
) -> Inbound:
    envelope = Envelope(
        Address(sender) if sender else None,
        tuple(r if isinstance(r, Recipient) else Recipient(Address(r)) for r in recipients),
    )
    return Inbound(
        id_,
        envelope,
        content,
        datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
        "127.0.0.1",
        "client.example",
        "ESMTP" if single_answer else "LMTP",
        single_answer,
    )


@dataclass
class FakeLookups:
    answers: Mapping[str, Lookup] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def find_all(
        self, wanted: Mapping[Address, frozenset[str]], since: float | None = None
    ) -> dict[Address, Lookup]:
        del since
        self.asked.extend(address.key for address in wanted)
        return {address: self.answers.get(address.key, NotFound("keyring")) for address in wanted}


@dataclass
class FakeEngine:
    """Writes the packets of a message for these certificates; what would be encrypted is kept aside."""

    payloads: list[bytes] = field(default_factory=list)
    signers: list[Signer | None] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    fail: bool = False

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        if self.fail:
            raise EngineError("no")
        self.payloads.append(payload)
        self.signers.append(signer)
        ids = [bytes.fromhex(c.components[1].key_id) for c in certificates]
        pkesk = [b"\xc1" + bytes([14]) + b"\x03" + key_id + b"\x12wrap" for key_id in ids]
        return b"".join(pkesk) + b"\xd2\x15\x01" + bytes(20)

    async def sign(self, content: bytes, signer: Signer) -> bytes:
        if self.fail:
            raise EngineError("no")
        self.payloads.append(content)
        self.signers.append(signer)
        return b"\xc2\x0a\x04\x00\x16\x0a" + bytes(6)

    async def lock(self, payload: bytes, code: str) -> bytes:
        if self.fail:
            raise EngineError("no")
        self.payloads.append(payload)
        self.codes.append(code)
        return b"locked" + str(len(self.codes)).encode()


@dataclass
class FakeOutlet:
    """Keeps what it is sent; `answer` says what to reply, or raises."""

    answer: Callable[[Envelope, bytes], tuple[Reply, ...]] | None = None
    sent: list[tuple[Envelope, bytes]] = field(default_factory=list)
    down: bool = False

    async def send(
        self, envelope: Envelope, content: bytes, may_go: Callable[[], bool] = lambda: True
    ) -> tuple[Reply, ...]:
        if not may_go():
            raise TurnLost("not ours any more")
        if self.down:
            raise NextHopError("down")
        given = (
            self.answer(envelope, content)
            if self.answer
            else tuple(Reply(250, "2.0.0", "Ok") for _ in envelope.recipients)
        )
        self.sent.append((envelope, content))
        return given

    def served(self) -> list[str]:
        return [r.address.text for envelope, _ in self.sent for r in envelope.recipients]


@dataclass
class FakeLedger:
    rows: dict[bytes, set[str]] = field(default_factory=dict)
    down: bool = False

    async def served(self, transaction: bytes) -> frozenset[str]:
        self._check()
        return frozenset(self.rows.get(transaction, ()))

    async def record(self, transaction: bytes, recipients: Sequence[str]) -> None:
        self._check()
        self.rows.setdefault(transaction, set()).update(recipients)

    async def forget(self, transaction: bytes, recipients: Sequence[str]) -> None:
        self._check()
        self.rows.get(transaction, set()).difference_update(recipients)

    def _check(self) -> None:
        if self.down:
            raise StoreError("down")

    def all(self) -> set[str]:
        return set().union(*self.rows.values()) if self.rows else set()


@dataclass
class FakeTrail:
    records: list[Record] = field(default_factory=list)
    down: bool = False
    stall: asyncio.Event | None = None
    """Not before this."""

    async def write(self, records: Sequence[Record]) -> None:
        if self.stall:
            stall, self.stall = self.stall, None
            await stall.wait()
        if self.down:
            raise StoreError("down")
        self.records.extend(records)
