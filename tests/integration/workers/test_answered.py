"""`workers: 2`, real processes: a client that has read its answer counts as answered by either of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from lab.client import Client
from lab.relay import Relay
from lab.smtp_sink import smtp_sink

MAILS = 4
MAIL = b"From: a@hopital.example\r\nMessage-ID: <one@hopital.example>\r\nSubject: canary\r\n\r\ntext\r\n"
POLICY = [{"name": "everyone", "encrypt": "never"}]


@pytest.fixture
def relay() -> Iterator[Relay]:
    with smtp_sink() as port, Relay({"workers": 2, "policy": POLICY, "reinject": f"smtp://127.0.0.1:{port}"}) as made:
        made.start()
        yield made


async def sent(relay: Relay) -> Sequence[str]:
    answers: list[str] = []
    for _ in range(MAILS):
        async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
            await client.hello()
            answers += await client.send("a@hopital.example", ["b@ville.example"], MAIL)
    return answers


def test_a_mail_that_several_workers_answered_is_delivered_again_when_it_is_sent_anew(relay: Relay) -> None:
    """The connection is a class of the balance here: a look at its copy failed, and each mail counted as unanswered."""
    assert [answer[:3] for answer in asyncio.run(sent(relay))] == ["250"] * MAILS
    relay.stop()
    events = [line["event"] for line in relay.events]
    assert events.count("handed_over") == MAILS
    assert not {"unanswered", "already_served", "failed"} & set(events)
