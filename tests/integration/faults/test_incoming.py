"""Incoming mail while something fails at each step: it waits, is opened later, and reaches each recipient once.

A mail for two addresses that are both entitled. An outage is 451 and never a closed mail: nothing arrives with
`reason=no-key`.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass

import pysequoia
import pytest
from lab.bed import recipients
from lab.canary import WORD, sent
from lab.gnupghome import stop_agent
from lab.hospital import DR, NURSE, pgp_mime
from lab.mta import Mail, Mta
from lab.nexthop import Drop, Fault, Hang, Message, Say, ScriptedHop, hop_at
from lab.ports import free_port
from lab.relay import Relay
from lab.waiting import until

from relay.mail import armor

pytestmark = pytest.mark.waits

OK, DOWN, FAILED = "250 2.0.0", "451 4.4.1", "451 4.3.0"
BOB = "bob@example.org"
STEPS = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "body", ".")
TEMPORARY, FINAL = Say("452 4.3.1 Out of storage"), Say("554 5.3.9 Not today")
ROWS: list[tuple[str, Fault, str]] = [
    *((step, Drop(), DOWN) for step in STEPS),
    *((step, TEMPORARY, DOWN if step in {"connect", "EHLO"} else "452 4.3.1") for step in STEPS if step != "body"),
    *((step, FINAL, DOWN if step in {"connect", "EHLO"} else "554 5.3.9") for step in STEPS if step != "body"),
    *((step, Hang(), DOWN) for step in ("MAIL", ".")),
]
_numbers = itertools.count(1)


@dataclass
class Ward:
    """A relay that takes incoming mail."""

    relay: Relay
    port: int
    hop_port: int
    certificates: list[pysequoia.Cert]

    @property
    def mta(self) -> Mta:
        return Mta(f"lmtp://127.0.0.1:{self.port}", patience=60)

    def mail(self) -> Mail:
        """A new one from outside, for both."""
        number = f"{next(_numbers)}"
        word = WORD.decode()
        payload = f"Content-Type: text/plain\r\n\r\n{word} of {number}\r\n".encode()
        sent(payload)
        header = f"From: {BOB}\r\nTo: {DR}, {NURSE}\r\nSubject: [...]\r\nMessage-ID: <{number}@example.org>\r\n"
        packets = armor.dearmor(bytes(pysequoia.encrypt(recipients=self.certificates, bytes=payload)))[0].data
        content = pgp_mime(packets, header.encode() + b"MIME-Version: 1.0\r\n")
        return Mail((DR, NURSE), content, BOB)

    @asynccontextmanager
    async def hop(self) -> AsyncIterator[ScriptedHop]:
        async with hop_at(self.hop_port) as hop:
            yield hop

    async def ends_well(self, hop: ScriptedHop, mail: Mail) -> None:
        """Whoever was not refused for good has it, once and opened, with a return path of ours."""
        await self.mta.until_final(mail)
        due = {recipient for recipient in mail.recipients if mail.last(recipient).startswith("2")}
        mine = [message for message in hop.messages if _of(message, mail)]
        assert Counter(r for message in mine for r in recipients(message)) == Counter(due)
        for message in mine:
            assert b"X-PGP-Relay: encryption=decrypted;" in message.content
            assert WORD in message.content
            assert message.mail.startswith("MAIL FROM:<postmaster+")
        assert not any(b"no-key" in message.content for message in hop.messages)


def _of(message: Message, mail: Mail) -> bool:
    number = mail.content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
    return number in message.content


@pytest.fixture(scope="module")
def shared() -> Iterator[Ward]:
    port, hop_port = free_port(), free_port()
    settings = {
        "own": {"domains": ["hopital.example"]},
        "inbound": {"listen": [f"lmtp://127.0.0.1:{port}"], "reinject": f"smtp://127.0.0.1:{hop_port}"},
        "deadlines": {"next_hop": "3s", "final_dot": "3s", "store": "1s"},
    }
    with Relay(settings) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", DR, NURSE)
        certificates = [pysequoia.Cert.from_bytes(relay.run("own", "show", each).stdout) for each in (DR, NURSE)]
        relay.start()
        yield Ward(relay, port, hop_port, certificates)
        stop_agent(relay.keyring)


@pytest.fixture
def ward(shared: Ward) -> Iterator[Ward]:
    """Whatever a test did to it, it runs again for the next one."""
    yield shared
    if not shared.relay.running:
        shared.relay.start()


@pytest.mark.parametrize(("step", "fault", "answer"), ROWS, ids=str)
async def test_the_next_hop_of_incoming_mail_fails_at_every_step(
    ward: Ward, step: str, fault: Fault, answer: str
) -> None:
    async with ward.hop() as hop:
        hop.at[step] = fault
        mail = ward.mail()
        assert await ward.mta.attempt(mail) == [answer, answer], ward.relay.log[-3000:]
        assert hop.messages == []
        hop.at.clear()
        await ward.ends_well(hop, mail)


async def test_the_next_hop_of_incoming_mail_fails_for_one_recipient(ward: Ward) -> None:
    async with ward.hop() as hop:
        hop.at[f"RCPT TO:<{NURSE}>"] = TEMPORARY
        mail = ward.mail()
        assert await ward.mta.attempt(mail) == [OK, "452 4.3.1"]
        hop.at.clear()
        await ward.ends_well(hop, mail)


async def test_the_next_hop_of_incoming_mail_is_not_there(ward: Ward) -> None:
    mail = ward.mail()
    assert await ward.mta.attempt(mail) == [DOWN, DOWN]
    async with ward.hop() as hop:
        await ward.ends_well(hop, mail)


@pytest.mark.parametrize("step", STEPS)
async def test_the_relay_is_killed_while_it_hands_over_incoming_mail(ward: Ward, step: str) -> None:
    async with ward.hop() as hop:
        hop.at[step] = Hang()
        mail = ward.mail()
        attempt = asyncio.create_task(ward.mta.attempt(mail))
        await until(lambda: hop.hanging > 0)
        ward.relay.kill()
        assert await attempt == ["", ""]
        hop.at.clear()
        ward.relay.start()
        await ward.ends_well(hop, mail)


@contextmanager
def locked(ward: Ward) -> Iterator[None]:
    """Another process writes, and does not end."""
    with closing(sqlite3.connect(ward.relay.keyring / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def test_the_store_is_locked_when_incoming_mail_comes(ward: Ward) -> None:
    """Without a row for its bounces nothing that was opened goes on."""
    async with ward.hop() as hop:
        mail = ward.mail()
        with locked(ward):
            assert await ward.mta.attempt(mail) == [FAILED, FAILED]
            assert hop.messages == []
        await ward.ends_well(hop, mail)
