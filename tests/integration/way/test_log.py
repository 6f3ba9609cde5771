"""The log of the running relay: each step of a mail in its words, with both of the mail's ids, and no other field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.decided import QUEUE_ID, SENDER, Bench, deciding, send
from lab.known import KNOWN, UNKNOWN, Known
from lab.ports import free_port
from lab.relay import Relay

from relay.telemetry.events import Event

HEAD = f"From: {SENDER}\r\nTo: someone@ville.example\r\nSubject: What the scan has shown\r\n"
STEPS = {"received", "decided", "encrypted", "next_hop_replied", "notice_sent", "handled"}
ACTIONS = {"encrypt", "pass", "clear", "refuse", "hold", "defer"}
FIELDS = {
    *(
        "action",
        "event",
        "level",
        "timestamp",
        "id",
        "queue_id",
        "sender",
        "recipient",
        "recipients",
        "rule",
        "reason",
        "size",
    ),
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
        "outcomes",
    ),
}


@pytest.fixture
def bench(known: Known) -> Iterator[Bench]:
    with deciding(known) as made:
        yield made


def letter(body: bytes = b"There is nothing unusual.\r\n") -> bytes:
    return HEAD.encode() + b"\r\n" + body


def lose_the_directory(relay: Relay) -> None:
    lookup = {"sources": ["keyring", "ldap"], "ldap": [{"url": f"ldap://127.0.0.1:{free_port()}"}]}
    relay.reload({**relay.settings, "lookup": lookup})


def test_every_step_is_a_word_of_the_vocabulary_with_both_ids(bench: Bench) -> None:
    armor = ["--armor", "--trust-model", "always", "--encrypt", "--recipient", KNOWN]
    send(bench.relay, KNOWN, UNKNOWN, "b@must.example", "b@hold.example", content=letter())
    encrypted = bench.known.person.gpg(*armor, data=b"x").replace(b"\n", b"\r\n")
    send(bench.relay, KNOWN, content=letter(encrypted))
    lose_the_directory(bench.relay)
    send(bench.relay, UNKNOWN, content=letter())
    events = bench.relay.events
    assert {event["event"] for event in events} <= set(Event)
    mails = [event for event in events if "id" in event]
    assert {event["event"] for event in mails} >= STEPS
    assert {event["action"] for event in mails if event["event"] == "decided"} == ACTIONS
    assert {event["queue_id"] for event in mails} == {QUEUE_ID}
    assert len({event["id"] for event in mails}) == 3
    assert {name for event in mails for name in event} <= FIELDS
    outcomes = [outcome for event in mails if event["event"] == "handled" for outcome in event["outcomes"]]
    assert {outcome["action"] for outcome in outcomes} == ACTIONS
    assert {name for outcome in outcomes for name in outcome} <= FIELDS | {"reply"}
