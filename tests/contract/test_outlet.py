"""What every Outlet promises (`relay.pipeline.ports.Outlet`), shown on each way there is to a next hop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.nexthop import Drop, Say, ScriptedHop
from lab.tls import Identity, make_identity

from relay.config import Endpoint
from relay.model import Address, Envelope, Recipient
from relay.model.errors import NextHopError
from relay.pipeline.ports import Outlet
from relay.smtp.outlet import SmtpOutlet

CONTENT = b"Subject: x\r\n\r\n.dot\r\n..\r\n.\r\nlast\r\n"
WAYS = ["smtp", "smtp+starttls", "lmtp", "lmtp-unix", "smtp-without-extensions"]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=WAYS)
async def hop(request: pytest.FixtureRequest, identity: Identity, tmp_path: Path) -> AsyncIterator[ScriptedHop]:
    way = request.param
    hop = ScriptedHop(
        lmtp=way.startswith("lmtp"),
        tls=identity.server() if way == "smtp+starttls" else None,
        path=str(tmp_path / "hop.sock") if way == "lmtp-unix" else "",
        **{"extensions": ()} if way == "smtp-without-extensions" else {},
    )
    async with hop:
        yield hop


@pytest.fixture
async def outlet(hop: ScriptedHop, identity: Identity) -> AsyncIterator[Outlet]:
    outlet = SmtpOutlet(Endpoint.parse(hop.url), hostname="relay.example", tls=identity.client())
    yield outlet
    await outlet.close()


def envelope(*recipients: str, sender: str = "a@b.example") -> Envelope:
    return Envelope(Address(sender) if sender else None, tuple(Recipient(Address(r)) for r in recipients))


async def test_a_message_arrives_octet_by_octet_with_one_reply_a_recipient(hop: ScriptedHop, outlet: Outlet) -> None:
    given = await outlet.send(envelope("1@x", "2@x", "1@x"), CONTENT)
    assert [str(reply) for reply in given] == ["250 2.0.0 The next hop took the message"] * 3
    (message,) = hop.messages
    assert message.content == CONTENT
    assert message.mail.startswith("MAIL FROM:<a@b.example>")
    assert [r.split(" ")[1] for r in message.rcpts] == ["TO:<1@x>", "TO:<2@x>", "TO:<1@x>"]


async def test_the_null_sender(hop: ScriptedHop, outlet: Outlet) -> None:
    await outlet.send(envelope("1@x", sender=""), CONTENT)
    assert hop.messages[0].mail.startswith("MAIL FROM:<>")


async def test_a_refused_recipient_is_that_ones_own(hop: ScriptedHop, outlet: Outlet) -> None:
    hop.at["RCPT TO:<2@x>"] = Say("550 5.1.1 No such user")
    hop.at["RCPT TO:<3@x>"] = Say("450 4.2.1 Later")
    given = await outlet.send(envelope("1@x", "2@x", "3@x", "4@x"), CONTENT)
    assert [str(reply)[:9] for reply in given] == ["250 2.0.0", "550 5.1.1", "450 4.2.1", "250 2.0.0"]
    assert given[1].text == "The next hop refused the recipient"
    assert len(hop.messages[0].rcpts) == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("550 5.7.1 secret@inside.example at 10.1.2.3 is unknown", "550 5.7.1"),
        ("452-4.2.2 A mailbox\r\n452 4.2.2 is full", "452 4.2.2"),
        ("550 No status here", "550 5.0.0"),
        ("550 4.1.1 Another class", "550 5.0.0"),
        ("550 5.01.1 No status", "550 5.0.0"),
        ("554 5.1.1secret", "554 5.0.0"),
        ("553 5.1.1000 secret", "553 5.0.0"),
        ("451", "451 4.0.0"),
        ("451-4.7.1\r\n451 4.7.1 of two lines", "451 4.7.1"),
    ],
)
async def test_its_words_are_never_repeated(hop: ScriptedHop, outlet: Outlet, step: str, said: str, told: str) -> None:
    """They went on to the client until the content had been sent: addresses and hosts behind the next hop in them."""
    hop.at[step] = Say(said)
    (reply,) = await outlet.send(envelope("1@x"), CONTENT)
    about = {"MAIL": "sender", "RCPT": "recipient"}.get(step, "message")
    assert str(reply) == f"{told} The next hop refused the {about}"


async def test_without_an_accepted_recipient_there_is_no_data(hop: ScriptedHop, outlet: Outlet) -> None:
    hop.at["RCPT"] = [Say("550 5.1.1 No"), Say("450 4.2.1 Later")]
    given = await outlet.send(envelope("1@x", "2@x"), CONTENT)
    assert [reply.code for reply in given] == [550, 450]
    assert "DATA" not in hop.commands
    assert (await outlet.send(envelope("1@x"), CONTENT))[0].accepted  # and the outlet goes on


@pytest.mark.parametrize("line", ["550 5.7.1 No", "452 4.3.1 Full", "552 5.3.4 Too large"])
@pytest.mark.parametrize("step", ["MAIL", "DATA", "."])
async def test_a_refusal_of_the_message_is_everybodys(hop: ScriptedHop, outlet: Outlet, step: str, line: str) -> None:
    answers = 2 if hop.lmtp and step == "." else 1
    hop.at[step] = [Say("\r\n".join([line] * answers))]
    given = await outlet.send(envelope("1@x", "2@x"), CONTENT)
    assert [str(reply)[:9] for reply in given] == [line[:9]] * 2
    assert hop.messages == []
    assert (await outlet.send(envelope("1@x"), CONTENT))[0].accepted


@pytest.mark.parametrize("step", ["connect", "hello", "MAIL", "RCPT", "DATA", "body", "."])
@pytest.mark.parametrize("fault", [Drop(), Drop(reset=True), Say("421 4.3.2 Going", close=True)])
async def test_a_drop_is_a_next_hop_error_and_nothing_counts_as_taken(
    hop: ScriptedHop, outlet: Outlet, step: str, fault: Drop | Say
) -> None:
    hop.at[{"hello": "LHLO" if hop.lmtp else "EHLO"}.get(step, step)] = [fault]
    with pytest.raises(NextHopError):
        await outlet.send(envelope("1@x", "2@x"), CONTENT * 10_000)
    hop.at.clear()
    assert (await outlet.send(envelope("1@x"), CONTENT))[0].accepted  # and the outlet goes on
    assert len(hop.messages) == 1


@pytest.mark.parametrize("line", ["554 5.7.1 Go away", "450 4.7.1 Not now", "354 What?", "250-never ends", "nonsense"])
@pytest.mark.parametrize("step", ["connect", "hello"])
async def test_a_refused_connection_is_a_next_hop_error(hop: ScriptedHop, outlet: Outlet, step: str, line: str) -> None:
    hop.at["connect" if step == "connect" else "LHLO" if hop.lmtp else "EHLO"] = Say(line, close=True)
    with pytest.raises(NextHopError):
        await outlet.send(envelope("1@x"), CONTENT)
    assert hop.messages == []


async def test_nobody_listening_is_a_next_hop_error(hop: ScriptedHop, outlet: Outlet) -> None:
    await hop.stop()
    with pytest.raises(NextHopError):
        await outlet.send(envelope("1@x"), CONTENT)
