"""A correspondent's mails bring the key: Postfix as MX, OpenDKIM as its milter, the relay on both ways.

Two mails, a day apart by their Date, and mail that left in cleartext leaves encrypted; nobody typed a command.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest
from lab.certificates import Keypair, make_keypair
from lab.client import Client
from lab.hospital import DR, MX, NURSE
from lab.opendkim import Dkim
from lab.ports import free_port
from lab.postfix import Postfix
from lab.readers import READERS
from lab.relay import Relay
from lab.sink import Sink, Taken
from lab.waiting import wait_for
from lab.way import encrypted_part

from relay.store.state_tokens import FRESH_SECONDS

pytestmark = pytest.mark.waits

BOB, EVE = "bob@ville.example", "eve@ville.example"
HOUR = 3600.0
POLICY = [
    {"name": "confidential", "subject": "[confidentiel]", "encrypt": "required"},
    {"name": "trusted", "subject": "[annuaire]", "encrypt": "preferred", "trust": "directory"},
    {"name": "everyone", "encrypt": "preferred"},
]


@dataclass
class House:
    mta: Postfix
    relay: Relay
    inside: Sink
    outside: Sink
    dkim: Dkim

    def receive(self, address: str, key: Keypair, hours: float) -> str:
        """A mail with this key comes in, dated so many hours from now; what became of the key."""
        seen, before = len(self.outcomes()), len(self.inside.taken)
        digits = b64encode(key.public).decode()
        folds = "\r\n ".join(digits[at : at + 72] for at in range(0, len(digits), 72))
        lines = (
            f"From: <{address}>",
            f"To: {DR}",
            "Subject: rendez-vous",
            f"Date: {formatdate(time.time() + hours * HOUR)}",
            f"Message-ID: <{secrets.token_hex(8)}@ville.example>",
            f"Autocrypt: addr={address}; keydata=\r\n {folds}",
        )
        mail = "".join(f"{line}\r\n" for line in (*lines, "", "Bonjour")).encode()
        self.mta.submit(address, [DR], self.dkim.signed(mail, "ville.example"))
        self.inside.wait_for(before + 1)
        wait_for(lambda: len(self.outcomes()) > seen, "the key was looked at")
        return self.outcomes()[-1]

    def outcomes(self) -> list[str]:
        return [str(event["result"]) for event in self.relay.events if event["event"] == "harvested"]

    def send(self, to: str, mark: str = "") -> Taken:
        """What a mail to this address has become, once it has left."""
        self.outside.forget()
        answer = asyncio.run(_sent(self.relay.port, to, f"suites de la visite {mark}"))
        assert answer.startswith("250"), answer
        (mail,) = self.outside.wait_for(1)
        return mail


async def _sent(port: int, to: str, subject: str) -> str:
    content = f"From: {DR}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nLe canari chante.\r\n".encode()
    async with Client(f"lmtp://127.0.0.1:{port}") as client:
        await client.hello()
        (answer,) = await client.send(DR, [to], content)
        return answer


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    listen, again = free_port(), free_port()
    with ExitStack() as stack:
        inside, outside = stack.enter_context(Sink()), stack.enter_context(Sink())
        dkim = stack.enter_context(Dkim("ville.example", authserv_id=MX))
        settings = {
            "reinject": f"smtp://127.0.0.1:{outside.port}",
            "own": {"domains": ["hopital.example"]},
            "policy": POLICY,
            "harvest": {"from": ["autocrypt", "attached"], "use": "instead_of_clear"},
            "inbound": {
                "listen": [f"lmtp://127.0.0.1:{listen}"],
                "reinject": f"smtp://127.0.0.1:{again}",
                "authserv_id": MX,
            },
        }
        relay = stack.enter_context(Relay(settings))
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", DR, NURSE)
        milter = {"smtpd_milters": dkim.spec, "milter_default_action": "tempfail"}
        mta = Postfix(relayhost=inside.port, main=milter, relays=[relay])
        stack.callback(mta.remove)
        relay.run("postfix", "install", "--config-dir", mta.folder, "--inbound")
        relay.start()
        mta.start()
        stack.callback(mta.stop)
        yield House(mta, relay, inside, outside, dkim)


def test_two_mails_a_day_apart_and_what_left_in_cleartext_leaves_encrypted(house: House) -> None:
    pair = make_keypair(f"Bob <{BOB}>")
    assert b"canari" in house.send(BOB).content
    assert house.receive(BOB, pair, -13) == "noted"
    assert house.receive(BOB, pair, -1) == "too-soon"
    assert b"canari" in house.send(BOB).content
    assert house.receive(BOB, pair, 12) == "used"
    time.sleep(FRESH_SECONDS)

    clear = READERS["sequoia"](encrypted_part(house.send(BOB)), pair.secret, None)
    assert b"canari" in clear
    assert b"canari" in house.send(BOB, "[annuaire]").content, "the rule wants more than what came with mail"
    refusal = house.send(BOB, "[confidentiel]")
    assert (refusal.sender, list(refusal.recipients)) == ("", [DR])
    assert b"canari" not in refusal.content

    (key,) = json.loads(house.relay.run("keys", "list", "--json").stdout)
    assert (key["origin"], key["fingerprint"], key["proposed"]) == ("harvested", pair.fingerprint, False)
    changes = [json.loads(line) for line in house.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    (change,) = [each for each in changes if each["address"] == BOB]
    assert {name: change[name] for name in ("actor", "address", "old", "new", "reason")} == {
        "actor": "harvest",
        "address": BOB,
        "old": None,
        "new": pair.fingerprint,
        "reason": "came with mail",
    }


def test_where_an_administrator_imported_a_key_another_waits_for_him(house: House, tmp_path: Path) -> None:
    imported, pair = make_keypair(f"<{EVE}>"), make_keypair(f"<{EVE}>")
    (tmp_path / "eve.pgp").write_bytes(imported.public)
    house.relay.run("keys", "import", tmp_path / "eve.pgp")
    time.sleep(FRESH_SECONDS)
    assert [house.receive(EVE, pair, hours) for hours in (-13, 12)] == ["noted", "proposed"]
    time.sleep(FRESH_SECONDS)
    assert b"canari" in READERS["sequoia"](encrypted_part(house.send(EVE)), imported.secret, None)

    (waiting,) = json.loads(house.relay.run("keys", "proposals", "--json").stdout)
    told = {name: waiting[name] for name in ("fingerprint", "address", "replaces", "origin", "dkim_domain")}
    assert told == {
        "fingerprint": pair.fingerprint,
        "address": EVE,
        "replaces": imported.fingerprint,
        "origin": "harvested",
        "dkim_domain": "ville.example",
    }
    house.relay.run("keys", "approve", pair.fingerprint)
    assert json.loads(house.relay.run("keys", "proposals", "--json").stdout) == []
