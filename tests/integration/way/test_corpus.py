"""Every message of the corpus through a real relay over LMTP: nothing altered, nothing clear, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from lab import corpus, payloads
from lab.client import Client
from lab.corpus import ended, is_passed_on
from lab.known import KNOWN, UNKNOWN, Known
from lab.nexthop import ScriptedHop
from lab.relay import Relay

from relay.mail import headers
from relay.mail.shape import Protection, shape_of

SENDER = "medecin@hopital.example"


@corpus.needs_corpus
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["as it lies there", "with CRLF"])
async def test_every_message_of_the_corpus_is_encrypted_passed_or_refused_and_never_altered(
    form: str, known: Known, record_property: Callable[[str, object], None]
) -> None:
    found = corpus.raw() if form == "as it lies there" else corpus.sent()
    messages = {name: ended(content) for name, content in found.items()}
    counts: Counter[str] = Counter()
    async with ScriptedHop() as hop:
        with Relay({"reinject": hop.url}) as relay:
            known.introduce(relay)
            relay.start()
            async with Client(relay.settings["listen"][0]) as client:
                await client.hello()
                for name, content in messages.items():
                    before = len(hop.messages)
                    replies = await client.send(SENDER, [KNOWN, UNKNOWN], content)
                    arrived = {address(rcpt): m.content for m in hop.messages[before:] for rcpt in m.rcpts}
                    for recipient, reply in zip((KNOWN, UNKNOWN), replies, strict=True):
                        counts[judge(name, content, recipient, reply, arrived, known)] += 1
    record_property("counted", f"the corpus {form}: {len(messages)} messages to 2 recipients each: {dict(counts)}")
    assert counts.total() == 2 * len(messages)
    assert form == "as it lies there" or counts["encrypted"] > len(messages) * 0.9


def address(command: str) -> str:
    """Of `RCPT TO:<…>`."""
    return command[command.index("<") + 1 : command.index(">")]


def judge(name: str, content: bytes, recipient: str, reply: str, arrived: dict[str, bytes], known: Known) -> str:  # noqa: PLR0913, PLR0917  one row of the account
    """What became of one recipient's copy; asserts that it is one of the three things it may be."""
    if not reply.startswith("2"):
        assert reply[0] in "45", name
        assert recipient not in arrived, name
        return "refused"
    mail = arrived[recipient]
    received = headers.split(mail).fields[0]
    assert received.name == "received", name
    if is_passed_on(content, mail[len(received.raw) :]):
        assert recipient == UNKNOWN or shape_of(content).protection is Protection.ENCRYPTED, name
        return "passed"
    assert recipient == KNOWN, name
    payload = known.decrypt(mail)
    assert payloads.body(payload) == content[headers.split(content).body_start :], name
    return "encrypted"
