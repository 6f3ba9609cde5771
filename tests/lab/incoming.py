"""The incoming pipeline over ports in memory: ciphertext that a table opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.fakes import FakeLedger, FakeOutlet, FakeTrail
from lab.outgoing import NOTICES
from relay.mail import armor, headers
from relay.mail.notice_texts import Language
from relay.mail.wrapped import Notes
from relay.model import Address, Certificate, Entry, Recipient
from relay.model.errors import EngineError
from relay.model.opened import Closed, Entitled, Opened, Reason, Signature
from relay.model.own import OwnKey, OwnSubkey
from relay.model.return_path import Returnable, ReturnPath
from relay.model.signers import Signers
from relay.pipeline.audit import Audit
from relay.pipeline.deliver import Deliverer
from relay.pipeline.harvest import HarvestStep
from relay.pipeline.incoming import IncomingPipeline
from relay.pipeline.incoming_mail import MailMaker, Tags
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.next_hop import NextHop
from relay.pipeline.opened_envelope import HeadersReturned
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.receive import Receiver
from relay.pipeline.returns import Returns
from relay.pipeline.transaction_lock import TransactionLocks
from relay.pipeline.treat import Treater

MX = "mx.hopital.example"


def own_key(address: str, number: int) -> OwnKey:
    subkey = OwnSubkey(f"{number:040X}", 0, 2**40, f"{number:040X}")
    return OwnKey(Address(address), f"{number + 0xF000:040X}", b"certificate", (subkey,), 0)


@dataclass
class FakeRegister:
    keys: Sequence[OwnKey] = ()
    allow: dict[str, list[str]] = field(default_factory=dict)

    async def get(self, address: Address) -> OwnKey | None:
        return next((key for key in self.keys if key.address == address), None)

    async def allowed(self, address: Address) -> list[Address]:
        return [Address(text) for text in self.allow.get(address.key, [])]

    async def named(self, key_ids: Iterable[str]) -> list[OwnKey]:
        wanted = set(key_ids)
        return [key for key in self.keys if any(one.key_id in wanted for one in key.subkeys)]

    async def deleted(self, subkeys: Iterable[str]) -> frozenset[str]:
        del subkeys
        return frozenset()


@dataclass
class FakeSigners:
    trusted: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    others: tuple[Entry, ...] = ()
    asked: list[frozenset[str]] = field(default_factory=list)

    async def of(self, author: Address | None) -> Signers:
        return Signers(self.trusted.get(author.key, ())) if author else Signers()

    async def made_by(self, key_ids: frozenset[str], known: Signers) -> Signers:
        self.asked.append(key_ids)
        return Signers(known.author, self.others)


def ciphertext(*key_ids: str, number: int = 1) -> bytes:
    """The packets of an encrypted message; `number` is what a table of contents knows it by."""
    pkesk = [b"\xc1" + bytes([14]) + b"\x03" + bytes.fromhex(key_id) + b"\x12wrap" for key_id in key_ids]
    return b"".join(pkesk) + b"\xd2\x15\x01" + number.to_bytes(20)


@dataclass
class FakeOpener:
    """Opens for who has one of the keys that the message names."""

    contents: dict[bytes, bytes | Reason] = field(default_factory=dict)
    signatures: Callable[[Sequence[Certificate]], tuple[Signature, ...]] = lambda _: ()
    down: bool = False
    calls: list[Entitled] = field(default_factory=list)

    async def open(self, message: bytes, entitled: Entitled, signers: Sequence[Certificate]) -> Opened | Closed:
        self.calls.append(entitled)
        if self.down:
            raise EngineError("the agent is gone")
        found = self.contents[message]
        return Closed(found) if isinstance(found, Reason) else Opened(found, self.signatures(signers))

    async def verify(self, content: bytes, signature: bytes, signers: Sequence[Certificate]) -> tuple[Signature, ...]:
        del content, signature
        if self.down:
            raise EngineError("the agent is gone")
        return self.signatures(signers)

    async def read_signed(self, message: bytes, signers: Sequence[Certificate]) -> Opened | Closed:
        return Opened(message, self.signatures(signers))


class NoTokens:
    """Nothing comes back."""

    async def expect(self, token: str, returnable: Returnable) -> None:
        raise NotImplementedError

    async def expected(self, token: str) -> Returnable | None:
        del token
        return None

    async def told(self, token: str, recipients: Sequence[Recipient]) -> None:
        raise NotImplementedError


@dataclass
class IncomingBed:
    """A pipeline and all its fakes."""

    folder: Path
    opener: FakeOpener = field(default_factory=FakeOpener)
    register: FakeRegister = field(default_factory=FakeRegister)
    signers: FakeSigners = field(default_factory=FakeSigners)
    outlet: FakeOutlet = field(default_factory=FakeOutlet)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    trail: FakeTrail = field(default_factory=FakeTrail)
    tags: Tags = field(default_factory=Tags)
    wrap_bad: bool = False
    explain_closed: bool = False
    harvest: HarvestStep | None = None

    def pipeline(self) -> IncomingPipeline:
        audit = Audit(self.trail)
        ledger = BufferedLedger(self.ledger, TransactionLocks.at(self.folder / "turns"))
        return IncomingPipeline(
            receiver=Receiver(ledger, audit, incoming=True),
            treater=Treater(self.opener, self.register, self.signers),
            maker=MailMaker(
                MX, self.tags, Notes(Language.FR), wrap_bad=self.wrap_bad, explain_closed=self.explain_closed
            ),
            envelopes=HeadersReturned(),
            returns=Returns(
                ReturnPath(("hopital.example",)), NoTokens(), NOTICES, OwnNotices(self.ledger), NextHop(self.outlet)
            ),
            deliverer=Deliverer(NextHop(self.outlet)),
            audit=audit,
            authserv_id=MX,
            harvest=self.harvest,
        )


OUTER = (
    b"Received: from out.example by mx.hopital.example\r\nFrom: Bob <bob@out.example>\r\nTo: dr@hopital.example\r\n"
    b"Subject: [...]\r\nDate: Tue, 24 Nov 2026 11:59:00 +0000\r\nMessage-ID: <1@out.example>\r\n"
)


def pgp_mime(data: bytes, outer: bytes = OUTER) -> bytes:
    """A mail with this message in it (RFC 3156)."""
    return (
        outer + b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + armor.enarmor(data, "MESSAGE") + b"\r\n--b--\r\n"
    )


def subject(content: bytes) -> str:
    """As people read it."""
    return " / ".join(headers.decoded(one) for one in headers.all(headers.split(content), "subject"))
