"""What stands outside of mail that left a relay: the fields that transport needs, and nobody hidden, in any copy."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from lab.client import Client
from lab.known import KNOWN, UNKNOWN, Known, is_encrypted
from lab.relay import Relay
from lab.sink import Sink

SENDER, HIDDEN, SHY = "medecin@hopital.example", "known@hidden.example", "shy@hidden.example"
NAMES = (
    *(
        "X-ASG-Orig-Subj",
        "X-Patient-Name",
        "Old-DKIM-Signature",
        "Apparently-To",
        "X-Envelope-To",
        "Comments",
    ),
    *("X-{}", "X-Original-{}", "Envelope-To", "X-Rcpt-To", "Resent-{}", "DKIM-Signature", "X-Spam-{}", "{}"),
)
LISTED = (
    *("received", "from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type"),
    *("auto-submitted", "list-id", "list-unsubscribe", "precedence", "reply-to", "x-priority"),
)
OPEN = f"Received: from a by b for <{HIDDEN}>; x\r\nPrecedence: list\r\nX-Priority: 1 (Compte rendu)\r\n"


@dataclass
class Bench:
    relay: Relay
    sink: Sink
    known: Known


@pytest.fixture(scope="module", params=["gnupg", "sequoia"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Known(KNOWN, HIDDEN) as known, Sink() as sink, Relay({"engine": request.param}) as relay:
        relay.configure({**relay.settings, "reinject": f"smtp://127.0.0.1:{sink.port}"})
        known.introduce(relay)
        relay.start()
        yield Bench(relay, sink, known)


def field(chance: random.Random, number: int) -> str:
    name = chance.choice(NAMES).format(f"F{number}")
    shy = chance.choice((HIDDEN, SHY, f"open{number}@b.example"))
    value = chance.choice(
        (f"Compte rendu {number}", f"<{shy}>", f"Compte rendu for {shy}", f"z=Bcc:{shy}|Subject:Compte rendu")
    )
    return f"{name}: {value} n{number}n\r\n"


async def test_a_thousand_generated_fields_go_inside_or_go(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    """Subject, content and hidden recipients left in fields of whose names nobody had thought."""
    chance = random.Random(3)  # noqa: S311  a seed, so that a failure comes again
    fields = [field(chance, number) for number in range(1_000)]
    head = f"From: {SENDER}\r\nTo: {KNOWN}\r\nCc: {UNKNOWN}\r\nSubject: Compte rendu\r\nMIME-Version: 1.0\r\n{OPEN}"
    content = (head + "".join(fields) + "MIME-Version: 1.1\r\n\r\nbody\r\n").encode()
    async with Client(bench.relay.settings["listen"][0]) as client:
        await client.hello()
        replies = await client.send(SENDER, [KNOWN, UNKNOWN, HIDDEN, SHY], content)
    assert [reply[:3] for reply in replies] == ["250"] * 4
    mails = bench.sink.wait_for(3)
    encrypted = {to: mail for mail in mails for to in mail.recipients if is_encrypted(mail.content)}
    assert set(encrypted) == {KNOWN, HIDDEN}
    for mail in encrypted.values():
        assert "Compte rendu" not in mail.header
        names = [line.partition(":")[0].lower() for line in mail.header.splitlines() if line[:1].strip()]
        assert set(names) <= set(LISTED)
        assert names.count("mime-version") == 1
        assert "MIME-Version: 1.0\r\n" in mail.header
    inside = bench.known.decrypt(encrypted[KNOWN].content).decode()
    (passed,) = [mail for mail in mails if not is_encrypted(mail.content)]
    naming = [f"n{number}n" for number, one in enumerate(fields) if HIDDEN in one or SHY in one]
    for text in (*(mail.header for mail in mails), inside):
        assert HIDDEN not in text
        assert SHY not in text
    lost = [f"n{n}n" for n in range(1_000) if f"n{n}n" not in inside and f"n{n}n" not in encrypted[KNOWN].header]
    gone = [f"n{n}n" for n in range(1_000) if f"n{n}n" not in passed.header]
    record_property("counted", f"{len(naming)} of 1000 fields name somebody hidden; {len(lost)} are not inside")
    assert lost == gone
    for number, one in enumerate(fields):
        if f"n{number}n" in lost:
            assert f"n{number}n" in naming or one.lower().startswith(
                ("apparently-to", "x-envelope-to", "envelope-to", "x-rcpt-to")
            )
