"""Shadow mode on real mail: everything is decided, encrypted and traced, and what arrives is what was sent."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from lab import corpus
from lab.client import Client
from lab.corpus import ended, is_passed_on
from lab.known import KNOWN, UNKNOWN, Known
from lab.nexthop import ScriptedHop
from lab.ordinary import MAIL
from lab.relay import Relay

from relay.cli.actions import USUAL
from relay.mail import headers

SENDER = "medecin@hopital.example"
STRICT = "someone@strict.example"
HELD = "someone@held.example"
EVERYONE = [KNOWN, UNKNOWN, STRICT, HELD]
POLICY = [
    {"name": "strict", "to": ["*@strict.example"], "encrypt": "required"},
    {"name": "patient", "to": ["*@held.example"], "encrypt": "required", "without_key": "hold"},
    {"name": "everyone", "encrypt": "preferred"},
]


@corpus.needs_corpus
@pytest.mark.timeout(600)
async def test_the_corpus_passes_byte_for_byte_while_the_trace_tells_what_would_have_been(known: Known) -> None:
    messages = [ended(content) for content in corpus.sent().values()]
    looping = [content for content in messages if (headers.hops(content) or 0) > 50]
    messages = [content for content in messages if content not in looping]
    async with ScriptedHop() as hop:
        with Relay({"reinject": hop.url, "policy": POLICY, "shadow": True}) as relay:
            known.introduce(relay)
            relay.start()
            async with Client(relay.settings["listen"][0]) as client:
                await client.hello()
                for content in messages:
                    replies = await client.send(SENDER, EVERYONE, content)
                    assert {reply[:3] for reply in replies} == {"250"}
                for content in looping:  # refused in every mode: a mail that goes round ends here
                    replies = await client.send(SENDER, EVERYONE, content)
                    assert {reply[:9] for reply in replies} == {"554 5.4.6"}
            rows = relay.trace()
            table = relay.run("trace", "--summary").stdout.decode().splitlines()
            lines = [json.loads(line) for line in relay.run("trace", "--summary", "--json").stdout.splitlines()]
    assert len(hop.messages) == len(messages) > 250
    assert len(looping) < 3
    for content, arrived in zip(messages, hop.messages, strict=True):
        received = headers.split(arrived.content).fields[0]
        assert received.name == "received"
        assert is_passed_on(content, arrived.content[len(received.raw) :])
        assert len(arrived.rcpts) == len(EVERYONE)
        assert arrived.mail.startswith(f"MAIL FROM:<{SENDER}>")
    assert all(row["shadow"] and row["reply"] == "250 2.0.0" for row in rows)
    told = Counter((row["recipient"], row["action"]) for row in rows)
    print(f"\n{len(messages)} messages in shadow mode: {dict(told)}")
    assert told[KNOWN, "defer"] == 0, "all of them could be encrypted"
    for recipient, action in ((KNOWN, "encrypt"), (UNKNOWN, "clear"), (STRICT, "refuse"), (HELD, "hold")):
        assert told[recipient, action] + told[recipient, "pass"] == len(messages)
        assert told[recipient, action] > 0.9 * len(messages)
    mails = {row["message_id"] or row["id"] for row in rows if row["action"] == "hold"}
    assert [line["hold"] for line in lines if line["domain"] == "held.example"] == [len(mails)]
    assert {(line["rule"], line["domain"], line["shadow"]) for line in lines} == {
        ("strict", "strict.example", True),
        ("patient", "held.example", True),
        ("everyone", "ville.example", True),
    }
    assert table[0].split() == ["rule", "domain", "mode", *USUAL]
    assert table[-1].split()[:2] == ["all", "shadow"]


async def test_an_engine_that_fails_stops_no_mail_in_shadow_mode_and_is_told(known: Known) -> None:
    async with ScriptedHop() as hop:
        with Relay({"reinject": hop.url, "policy": POLICY, "shadow": True}) as relay:
            known.introduce(relay)
            relay.path = "/nowhere"  # no gpg there
            relay.start()
            assert relay.wait_event("shadow")["level"] == "warning"
            checked = await asyncio.to_thread(relay.run, "check", check=False)  # it asks the next hop, which is here
            assert b"configuration\tok\tshadow: true: every mail" in checked.stdout
            async with Client(relay.settings["listen"][0]) as client:
                await client.hello()
                (reply,) = await client.send(SENDER, [KNOWN], MAIL)
            assert reply.startswith("250 ")
            (row,) = relay.trace()
            assert (row["action"], row["reason"], row["shadow"]) == ("defer", "it could not be encrypted", True)
            assert relay.wait_event("failed")["shadow"]
            assert b"defer (shadow)" in relay.run("trace").stdout
    assert [m.content.partition(b"\r\n")[2].partition(b"From:")[2] for m in hop.messages] == [MAIL[len(b"From:") :]]
