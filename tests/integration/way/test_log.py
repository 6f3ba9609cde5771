"""The log of the running relay: each step of a mail in its words, with both of the mail's ids, and no other field."""

from __future__ import annotations

import signal
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab.known import KNOWN, UNKNOWN, Known
from lab.ports import free_port
from lab.relay import Relay
from lab.sink import Sink

from relay.events import Event

SENDER, QUEUE_ID = "medecin@hopital.example", "4FQUEUE"
HEAD = f"From: {SENDER}\r\nTo: someone@ville.example\r\nSubject: What the scan has shown\r\n"
POLICY = [
    {"name": "wait", "to": ["*@hold.example"], "encrypt": "required", "without_key": "hold"},
    {"name": "must", "to": ["*@must.example"], "encrypt": "required"},
    {"name": "everyone", "encrypt": "preferred"},
]
STEPS = {"received", "found", "sealed", "passed", "cleared", "refused", "held", "deferred", "relayed", "noticed"}
FIELDS = {
    *("event", "level", "timestamp", "id", "queue_id", "sender", "recipient", "recipients", "rule", "reason", "size"),
    *(
        "fingerprint",
        "origin",
        "signer",
        "code",
        "notice",
        "peer",
        "protocol",
        "shape",
        "seconds",
        "source",
        "result",
        "codes",
    ),
}


@dataclass
class Bench:
    relay: Relay
    known: Known


@pytest.fixture
def bench(known: Known) -> Iterator[Bench]:
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": POLICY}) as relay:
        known.introduce(relay)
        relay.start()
        yield Bench(relay, known)


def send(bench: Bench, *recipients: str, body: bytes = b"There is nothing unusual.\r\n") -> None:
    with smtplib.LMTP("127.0.0.1", bench.relay.port, timeout=60) as client:
        client.ehlo()
        client.docmd("XFORWARD", f"IDENT={QUEUE_ID}")
        client.mail(SENDER)
        for recipient in recipients:
            client.rcpt(recipient)
        client.data(HEAD.encode() + b"\r\n" + body)
        for _ in recipients[1:]:
            client.getreply()


def lose_the_directory(relay: Relay) -> None:
    lookup = {"sources": ["keyring", "ldap"], "ldap": [{"url": f"ldap://127.0.0.1:{free_port()}"}]}
    relay.configure({**relay.settings, "lookup": lookup})
    relay.signal(signal.SIGHUP)
    relay.wait_event("reloaded")


def test_every_step_is_a_word_of_the_vocabulary_with_both_ids(bench: Bench) -> None:
    armor = ["--armor", "--trust-model", "always", "--encrypt", "--recipient", KNOWN]
    send(bench, KNOWN, UNKNOWN, "b@must.example", "b@hold.example")
    send(bench, KNOWN, body=bench.known.person.gpg(*armor, data=b"x").replace(b"\n", b"\r\n"))
    lose_the_directory(bench.relay)
    send(bench, UNKNOWN)
    events = bench.relay.events
    assert {event["event"] for event in events} <= set(Event)
    mails = [event for event in events if "id" in event]
    assert {event["event"] for event in mails} >= STEPS
    assert {event["queue_id"] for event in mails} == {QUEUE_ID}
    assert len({event["id"] for event in mails}) == 3
    assert {name for event in mails for name in event} <= FIELDS
