"""A large mail goes into the pool once, whatever is done with it there, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lab.certificates import make_keypair
from lab.fakes import FakeLedger, FakeLookups, FakeOutlet, FakeTrail, inbound
from lab.gnupghome import gnupg_home
from lab.outgoing import NOTICES
from lab.waiting import until

from relay.daemon.engines import EngineSettings, Kind, protect_in_pool
from relay.model import Certificate, Found, Inbound, Lookup, Origin
from relay.openpgp.examiner import GnuPGExaminer
from relay.pipeline.audit import Audit
from relay.pipeline.decide import Decider
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import OCTETS_A_KEY, Encryptor, Protected, ProtectionJob
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.next_hop import NextHop
from relay.pipeline.notify import Notifier
from relay.pipeline.outgoing import Pipeline
from relay.pipeline.receive import Receiver
from relay.pipeline.transaction_lock import TransactionLocks
from relay.policy import Encryption, Rule
from relay.process import ipc, pool
from relay.process.pool import Document

B, C, D = (f"{name}@there.example" for name in "bcd")
NAMED = b"From: a@here.example\r\nTo: b@there.example\r\nSubject: x\r\n\r\n"
LARGE = NAMED + (b"0123456789abcdef" * 4 + b"\r\n") * 30_000  # 2 MB


@dataclass
class Traffic:
    """What went into the pool's processes: the octets of strings of each frame."""

    frames: list[int] = field(default_factory=list)

    @property
    def transfers(self) -> int:
        """How often a mail was sent."""
        return sum(size >= len(LARGE) for size in self.frames)


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traffic]:
    counted, send = Traffic(), ipc.send

    def counting(channel: object, words: dict[str, object], strings: list[bytes] = (), limits: object = None) -> None:  # type: ignore[assignment]  # as the original
        counted.frames.append(sum(map(len, strings)))
        send(channel, words, strings, limits)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(ipc, "send", counting)
    yield counted
    pool.stop()


async def examined(*addresses: str) -> dict[str, Lookup]:
    blobs = [make_keypair(f"<{address}>").public for address in addresses]
    verdicts = [verdict for verdict in await GnuPGExaminer().examine(blobs) if isinstance(verdict, Certificate)]
    found = [Found(one, Origin.IMPORTED, "keyring", "keyring") for one in verdicts]
    return dict(zip(addresses, found, strict=True))


def pipeline(outlet: FakeOutlet, kind: Kind, home: Path, answers: dict[str, Lookup]) -> Pipeline:
    settings = EngineSettings(kind, home, 60.0, None)

    async def in_pool(job: ProtectionJob, document: Document) -> Protected:
        return await document.run_last(protect_in_pool, settings, job)

    ledger, audit = BufferedLedger(FakeLedger(), TransactionLocks(os.memfd_create("turns"))), Audit(FakeTrail())
    hop = NextHop(outlet)
    return Pipeline(
        Receiver(ledger, audit),
        Decider((Rule(name="all", encrypt=Encryption.PREFERRED),), FakeLookups(answers)),
        BatchEncryptor(Encryptor(settings.engine(), "relay.example", in_pool)),
        Deliverer(hop),
        Notifier(NOTICES, hop),
        audit,
    )


async def run(made: Pipeline, message: Inbound) -> list[int]:
    attempt = made.begin(message)
    told = await attempt.replies()
    await attempt.settle(delivered=True)
    return [reply.code for reply in told]


@pytest.mark.parametrize("kind", ["gnupg", "sequoia"])
async def test_a_large_mail_goes_into_the_pool_once(
    kind: Kind, traffic: Traffic, record_property: Callable[[str, object], None]
) -> None:
    """It went three times: to be admitted, to be read, and to be encrypted."""
    with gnupg_home() as home:
        outlet = FakeOutlet()
        made = pipeline(outlet, kind, home, await examined(B))
        assert await run(made, inbound(B, content=LARGE)) == [250]
    ((_, content),) = outlet.sent
    assert b"multipart/encrypted" in content
    record_property("counted", f"{len(traffic.frames)} pieces of work, {traffic.transfers} transfer of the mail")
    assert len(traffic.frames) == 3
    assert traffic.transfers == 1
    assert pool._mail_pool._kept == {}


async def test_a_large_mail_that_passes_goes_into_the_pool_once(traffic: Traffic) -> None:
    with gnupg_home() as home:
        outlet = FakeOutlet()
        assert await run(pipeline(outlet, "gnupg", home, {}), inbound(B, content=LARGE)) == [250]
    ((_, content),) = outlet.sent
    assert content.endswith(LARGE)
    assert traffic.transfers == 1
    assert pool._mail_pool._kept == {}


async def test_several_messages_of_one_mail_are_made_in_several_processes(traffic: Traffic) -> None:
    with gnupg_home() as home:
        outlet = FakeOutlet()
        made = pipeline(outlet, "sequoia", home, await examined(B, C, D))
        assert await run(made, inbound(B, C, D, content=LARGE)) == [250, 250, 250]
    assert len(outlet.sent) == 3
    assert traffic.transfers == 3
    assert pool._mail_pool._kept == {}


async def test_many_keys_for_a_small_mail_take_it_there_once_too(traffic: Traffic) -> None:
    head = NAMED.replace(b"To: b@there.example", b"To: b@there.example, c@there.example")
    small = head + b"x\r\n" * 40_000
    assert len(small) < pool.LARGE < len(small) + 2 * OCTETS_A_KEY
    with gnupg_home() as home:
        made = pipeline(FakeOutlet(), "sequoia", home, await examined(B, C))
        assert await run(made, inbound(B, C, content=small)) == [250, 250]
    assert len(traffic.frames) == 1
    assert traffic.frames[0] < len(small) + 10_000


async def test_while_a_mail_waits_for_keys_its_process_works_for_others(traffic: Traffic) -> None:
    """What it holds of the first is not lost by that, unless it is given another mail to hold."""
    with Document(LARGE) as first:
        assert await first.run(len, LARGE) == len(LARGE)
        assert await pool.run(pool.LARGE, len, b"x" * 10) == 10
        assert await first.run(re.compile(b"Subject").findall, LARGE) == [b"Subject"]
        assert traffic.transfers == 1


def test_a_mail_that_was_cut_off_in_the_pool_does_not_stay_there(traffic: Traffic) -> None:
    async def cut_off() -> None:
        with Document(LARGE) as document:
            work = asyncio.ensure_future(document.run(_slow, LARGE))
            await until(lambda: traffic.transfers)
            work.cancel()
        await until(lambda: pool._mail_pool._idle and pool._mail_pool._kept == {})

    asyncio.run(cut_off())


_slow = re.compile(rb"(?:0123456789abcdef)+\Z").findall
