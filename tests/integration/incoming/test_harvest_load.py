"""Ten thousand keys an hour come with mail, and other mail goes on as before; the bounds hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from lab.certificates import make_keypair
from lab.client import Client
from lab.harvest_mails import HOUR, received
from lab.hospital import DR, Hospital
from lab.processes import Family
from lab.timed import UNDISTURBED, p99_beside
from lab.waiting import until

from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.model import Address
from relay.model.harvest import CarriedKey, HarvestBounds, Outcome
from relay.policy.harvest import next_step
from relay.store import Store

EVERY = 3600 / 10_000
"""Seconds between two keys."""
STRANGERS = 200
"""As many keys as come in the longest measurement of a machine that has nothing else to do."""
KNOWN = "colleague@honest.example"
SETTINGS = {"harvest": {"from": ["autocrypt", "attached"]}}


@dataclass(frozen=True)
class Stranger:
    """Somebody whose mail our MX believes."""

    address: str
    key: bytes

    def mail(self, hours: float) -> bytes:
        """As it comes from the MX: it has verified the signature, and says so."""
        field = f"Autocrypt: addr={self.address}; keydata={b64encode(self.key).decode()}\r\n\r\nBonjour\r\n"
        return received(self.address, field.encode(), hours)


def strangers(count: int, domain: str = "d{n}.example") -> list[Stranger]:
    addresses = [f"s{n}@{domain.format(n=n)}" for n in range(count)]
    return [Stranger(address, make_keypair(f"<{address}>").public) for address in addresses]


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    with Hospital("gnupg", SETTINGS) as made:
        yield made


async def send(hospital: Hospital, *mails: tuple[str, bytes]) -> None:
    async with Client(f"lmtp://127.0.0.1:{hospital.port}") as client:
        await client.hello()
        for sender, content in mails:
            (reply,) = await client.send(sender, [DR], content)
            assert reply.startswith("250"), reply


def outcomes(hospital: Hospital) -> Counter[str]:
    return Counter(event["result"] for event in hospital.relay.events if event["event"] == "harvested")


async def both(hospital: Hospital, several: list[Stranger], *hours: float) -> None:
    """Each of them writes at these hours; every key is looked at."""
    for at in hours:
        for some in (several[n : n + 100] for n in range(0, len(several), 100)):
            before = outcomes(hospital).total()
            await send(hospital, *((one.address, one.mail(at)) for one in some))
            await until(partial(_looked_at, hospital, before + len(some)))


async def seen_yesterday(hospital: Hospital, several: list[Stranger]) -> None:
    """Each of them wrote once, 13 hours ago."""
    async with await Store.open(hospital.relay.keyring / "store.db") as store:
        for one in several:
            address, date = Address(one.address), time.time() - 13 * HOUR
            key = CarriedKey(address, one.key, address.domain, date, frozenset({one.address}))
            name = fingerprint(packets.body(one.key, next(packets.walk(one.key))))
            assert await store.sightings.step(key, name, next_step, HarvestBounds()) is Outcome.NOTED


def _looked_at(hospital: Hospital, count: int) -> bool:
    return outcomes(hospital).total() >= count


def test_explain_says_of_a_mail_whether_its_key_counts(hospital: Hospital) -> None:
    (one,) = strangers(1)
    mail = one.mail(0)
    assert explained(hospital, mail) == ["counts"]
    assert explained(hospital, mail.replace(b"dkim=pass", b"dkim=fail")) == ["no-dkim"]
    assert explained(hospital, mail.replace(b"Autocrypt", b"X")) == []
    shown = hospital.relay.run("explain", "--inbound", "--message", "-", "--to", DR, content=mail).stdout.decode()
    assert "counts, signed by d0.example" in shown


def explained(hospital: Hospital, mail: bytes) -> list[str]:
    done = hospital.relay.run("explain", "--inbound", "--message", "-", "--to", DR, "--json", content=mail)
    keys: list[str] = json.loads(done.stdout)["keys"]
    return keys


@pytest.mark.slow
async def test_a_domain_brings_fifty_keys_a_day_and_two_hundred_that_wait(hospital: Hospital) -> None:
    await both(hospital, strangers(220, "busy.example"), -13, 12)
    assert outcomes(hospital) == {"noted": 200, "proposed": 50, "budget": 20 + 150 + 20}


@pytest.mark.alone
@pytest.mark.timeout(600)
async def test_ten_thousand_keys_an_hour_disturb_no_other_mail(hospital: Hospital) -> None:
    """p99 of mails to a known key, while a key comes every 0.36 s that GnuPG has to read, and while none does."""
    hospital.imports(make_keypair(f"<{KNOWN}>").public)
    several = strangers(STRANGERS)
    await seen_yesterday(hospital, several)
    rest = iter(several)
    ratio = await p99_beside(
        f"lmtp://127.0.0.1:{hospital.relay.port}",
        KNOWN,
        partial(coming, hospital, rest),
        Family(os.getpid(), hospital.relay.keyring),
        enough=lambda: outcomes(hospital)["proposed"] >= 20,
    )
    assert set(outcomes(hospital)) == {"proposed"}
    assert ratio < UNDISTURBED


@asynccontextmanager
async def coming(hospital: Hospital, several: Iterator[Stranger]) -> AsyncIterator[None]:
    task = asyncio.create_task(_come(hospital, several))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _come(hospital: Hospital, several: Iterator[Stranger]) -> None:
    for one in several:
        await send(hospital, (one.address, one.mail(12)))
        await asyncio.sleep(EVERY)
