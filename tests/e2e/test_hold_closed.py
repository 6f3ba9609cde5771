"""A mail that stays closed waits in Postfix's hold queue, until an administrator lets it go: opened, or closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pysequoia
import pytest
from lab.canary import sent
from lab.hospital import DR, MX, NURSE, inside, outer, pgp_mime
from lab.ports import free_port
from lab.postfix import Postfix
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import wait_for

from relay.mail.armor import dearmor

pytestmark = pytest.mark.waits

BODY = b"Confidential findings of patient number eleven\r\n"


@dataclass
class House:
    mta: Postfix
    relay: Relay
    sink: Sink
    key: pysequoia.Cert

    def receive(self, recipient: str) -> None:
        payload = inside(BODY)
        sent(payload)
        (block,) = dearmor(bytes(pysequoia.encrypt(recipients=[self.key], bytes=payload)))
        self.mta.submit("bob@example.org", [recipient], pgp_mime(block.data, outer()))

    def held(self) -> list[str]:
        return [str(one["queue_id"]) for one in self.mta.queue() if one["queue_name"] == "hold"]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    back, listen, again = free_port(), free_port(), free_port()
    settings = {
        "reinject": f"smtp://127.0.0.1:{back}",
        "own": {"domains": ["hopital.example"]},
        "inbound": {
            "listen": [f"lmtp://127.0.0.1:{listen}"],
            "reinject": f"smtp://127.0.0.1:{again}",
            "authserv_id": MX,
            "hold_closed": True,
        },
    }
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        relay = stack.enter_context(Relay(settings))
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", DR, NURSE)
        mta = Postfix(relayhost=sink.port, relays=[relay])
        stack.callback(mta.remove)
        relay.run("postfix", "install", "--config-dir", mta.folder, "--inbound")
        relay.start()
        mta.start()
        stack.callback(mta.stop)
        yield House(mta, relay, sink, pysequoia.Cert.from_bytes(relay.run("own", "show", DR).stdout))


def test_it_waits_and_arrives_opened_once_that_is_allowed(house: House) -> None:
    house.sink.forget()
    house.receive(NURSE)
    (queue_id,) = wait_for(house.held, "the mail is held")
    assert house.sink.taken == []
    house.relay.run("own", "allow", NURSE, DR)
    command = ("inbound", "open", queue_id, "--config-dir", house.mta.folder, "--json")
    told = json.loads(house.relay.run(*command).stdout)
    assert told == {"queue_id": queue_id, "opened": True, "recipients": [NURSE]}
    (mail,) = house.sink.wait_for(1)
    assert mail.body == BODY
    house.mta.wait_empty()
    assert len(house.sink.taken) == 1
    house.relay.run("own", "disallow", NURSE, DR)


def test_it_arrives_closed_where_nobody_may_open_it(house: House) -> None:
    house.sink.forget()
    house.receive(NURSE)
    (queue_id,) = wait_for(house.held, "the mail is held")
    said = house.relay.run("inbound", "open", queue_id, "--config-dir", house.mta.folder).stdout.decode()
    assert said == f"{queue_id} for {NURSE} goes on, and stays closed\n"
    (mail,) = house.sink.wait_for(1)
    assert "reason=not-entitled" in mail.header
    house.mta.wait_empty()


def test_opened_and_plain_mail_is_not_held_and_not_released(house: House) -> None:
    house.sink.forget()
    house.receive(DR)
    house.mta.submit(
        "bob@example.org", [DR], outer() + b"\r\nX-PGP-Relay: encryption=closed; is what the body says\r\n"
    )
    house.sink.wait_for(2)
    house.mta.wait_empty()
    assert house.held() == []
    for wrong in ("4F3XyZ1mTtz9sW", "ABC123", "-d", "ALL", "../x"):
        done = house.relay.run("inbound", "open", "--config-dir", house.mta.folder, "--", wrong, check=False)
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
