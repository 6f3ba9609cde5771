"""A relay under a policy with every outcome, and a mail for several people with both of its ids."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.known import Known
from lab.relay import Relay
from lab.sink import Sink

SENDER, QUEUE_ID = "medecin@hopital.example", "4F3ABC9"
POLICY = [
    {"name": "inside", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "wait", "to": ["*@hold.example"], "encrypt": "required", "without_key": "hold"},
    {"name": "must", "to": ["*@must.example"], "encrypt": "required"},
    {"name": "everyone", "encrypt": "preferred"},
]


@dataclass
class Bench:
    relay: Relay
    known: Known


@contextmanager
def deciding(known: Known) -> Iterator[Bench]:
    """It runs, and knows the key of `known`."""
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": POLICY}) as relay:
        known.introduce(relay)
        relay.start()
        yield Bench(relay, known)


def send(relay: Relay, *recipients: str, content: bytes) -> None:
    """One mail, whatever each is answered."""
    with smtplib.LMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.ehlo()
        client.docmd("XFORWARD", f"IDENT={QUEUE_ID} NAME=client.example")
        client.mail(SENDER)
        for recipient in recipients:
            client.rcpt(recipient)
        client.data(content)
        for _ in recipients[1:]:
            client.getreply()
