"""The inlet over real sockets: what it announces, takes, answers and survives."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import re
import resource
import smtplib
import socket
import ssl
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiosmtpd.smtp import SMTP
from lab.client import Client
from lab.clock import leap
from lab.inlets import Handled, Running, inlet, place_of, take
from lab.tls import Identity
from lab.waiting import until
from structlog.testing import capture_logs

from relay.config import Endpoint
from relay.model import Inbound, Reply, replies
from relay.model.errors import ListenError
from relay.process import small_first
from relay.smtp import acknowledged
from relay.smtp.bounds import Bounds
from relay.smtp.inlet import Inlet
from relay.smtp.listening import Reserved
from relay.smtp.session import Session
from relay.telemetry.events import Event

LMTP = "lmtp://127.0.0.1:0"
SMTP_URL = "smtp://127.0.0.1:0"
MAIL = b"Subject: x\r\n\r\nbody\r\n"
SOON = 30
"""Seconds in which a busy machine does what is done at once; the inlet's own patience is longer."""


@pytest.mark.parametrize("url", [LMTP, SMTP_URL, "lmtp://[::1]:0", "smtp://localhost:0"])
async def test_a_mail_arrives_as_it_was_sent(url: str) -> None:
    if "localhost" in url:
        url = url.replace("localhost", "127.0.0.1")
    async with inlet(url) as running, Client(running.url) as client:
        await client.hello()
        before = datetime.now(UTC)
        (reply,) = await client.send("A@b.example", ["Bob@x.example"], MAIL)
        (got,) = running.got
        assert reply == f"250 2.0.0 Ok, id {got.id}"
        assert got.content == MAIL
        assert str(got.envelope.sender) == "A@b.example"
        assert [str(r.address) for r in got.envelope.recipients] == ["Bob@x.example"]
        assert got.peer in {"127.0.0.1", "::1"}
        assert got.helo == "client.example"
        assert got.received.tzinfo is not None
        assert before <= got.received <= datetime.now(UTC)
        assert re.fullmatch(r"[0-9A-Za-z]+", got.id)
        assert got.single_answer == url.startswith("smtp:")
        await running.until(told=1)
        assert running.told == [True]


async def test_it_announces_what_it_honours() -> None:
    async with inlet(LMTP, bounds=Bounds(max_message_size=12345)) as running, Client(running.url) as client:
        assert client.greeting == "220 relay.example LMTP"
        assert await client.hello() == [
            "PIPELINING",
            "SIZE 12345",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "DSN",
            "SMTPUTF8",
            "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
        ]


@pytest.mark.parametrize(
    ("url", "hello", "parameters", "word"),
    [
        (LMTP, "LHLO c", "", "LMTP"),
        (LMTP, "LHLO c", " SMTPUTF8", "UTF8LMTP"),
        (SMTP_URL, "EHLO c", "", "ESMTP"),
        (SMTP_URL, "EHLO c", " SMTPUTF8", "UTF8SMTP"),
        (SMTP_URL, "HELO c", "", "SMTP"),
    ],
)
async def test_the_protocol_is_named_as_registered(url: str, hello: str, parameters: str, word: str) -> None:
    async with inlet(url) as running, Client(running.url) as client:
        await client.say(hello)
        await client.send("a@b.example" + parameters, ["c@d.example"], MAIL)
        assert running.got[0].protocol == word


@pytest.mark.parametrize(("url", "wrong"), [(LMTP, "EHLO"), (LMTP, "HELO"), (SMTP_URL, "LHLO")])
async def test_the_other_protocols_hello_is_refused(url: str, wrong: str) -> None:
    async with inlet(url) as running, Client(running.url) as client:
        assert (await client.say(f"{wrong} c")).startswith("500 5.5.2 ")
        assert (await client.say("MAIL FROM:<>")).startswith("503 5.5.1 ")


@pytest.mark.parametrize("name", ["", "a b", "ä.example", "a\x01b", "x" * 256])
async def test_a_hello_name_that_would_spoil_a_header_is_refused(name: str) -> None:
    async with inlet(SMTP_URL) as running, Client(running.url) as client:
        assert (await client.say(f"EHLO {name}")).startswith("501 5.5.4 ")
        assert (await client.say(f"HELO {name}")).startswith("501 5.5.4 ")


# FACTS: the null sender, DSN parameters, addresses


async def test_null_sender_arrives_as_none_and_not_as_a_string() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        await client.send("", ["c@d.example"], MAIL)
        assert running.got[0].envelope.sender is None


async def test_dsn_parameters_are_taken_and_not_upper_cased() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        await client.send(
            "a@b.example RET=Hdrs ENVID=aBc+2Bd BODY=8BITMIME SIZE=20",
            ["c@d.example NOTIFY=Success,delay ORCPT=rfc822;BoB@X.example", "e@f.example NOTIFY=NEVER"],
            MAIL,
        )
        envelope = running.got[0].envelope
        assert envelope.options == ("RET=Hdrs", "ENVID=aBc+2Bd", "BODY=8BITMIME")
        assert [r.options for r in envelope.recipients] == [
            ("NOTIFY=Success,delay", "ORCPT=rfc822;BoB@X.example"),
            ("NOTIFY=NEVER",),
        ]


async def test_recipients_said_twice_stay_two() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        given = await client.send("a@b.example", ["c@d.example", "C@D.example", "c@d.example"], MAIL)
        assert len(given) == 3
        assert [str(r.address) for r in running.got[0].envelope.recipients] == [
            "c@d.example",
            "C@D.example",
            "c@d.example",
        ]


async def test_an_address_for_a_shell_is_an_address_or_refused_and_never_run(tmp_path: Path) -> None:
    victim = tmp_path / "x"
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say(f"MAIL FROM:<$(touch {victim})@y>")).startswith("501 5.1.7 ")
        assert (await client.say("MAIL FROM:<a@b.example>")).startswith("250 2.1.0 ")
        assert (await client.say(f"RCPT TO:<$(touch {victim})@y>")).startswith("501 5.1.3 ")
        assert (await client.say(f"RCPT TO:<`touch${{IFS}}{victim}`@y>")).startswith("250 2.1.5 ")
    assert not victim.exists()


async def test_octets_beyond_ascii_need_smtputf8() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say("MAIL FROM:<jörg@b.example>")).startswith("553 5.6.7 ")
        assert (await client.say(b"MAIL FROM:<j\xf6rg@b.example> SMTPUTF8")).startswith("501 5.1.7 ")
        await client.send("jörg@b.example SMTPUTF8", ["ü@d.example"], MAIL)
        assert str(running.got[0].envelope.sender) == "jörg@b.example"


async def test_too_many_recipients_are_452() -> None:
    async with inlet(bounds=Bounds(recipients=2)) as running, Client(running.url) as client:
        await client.hello()
        given = await client.envelope("a@b.example", ["1@x", "2@x", "3@x"])
        assert [reply[:9] for reply in given] == ["250 2.1.0", "250 2.1.5", "250 2.1.5", "452 4.5.3"]


# FACTS: LMTP's answers


async def test_lmtp_answers_once_a_recipient_in_order() -> None:
    async def mixed(inbound: Inbound) -> tuple[Reply, ...]:
        return replies.delivered(inbound.id), replies.failed(inbound.id), replies.refused(inbound.id)

    async with inlet(LMTP, mixed) as running, Client(running.url) as client:
        await client.hello()
        given = await client.send("a@b.example", ["1@x", "2@x", "3@x"], MAIL)
        assert [reply[:9] for reply in given] == ["250 2.0.0", "451 4.3.0", "550 5.7.1"]
        assert (await client.say("NOOP")).startswith("250 2.0.0 ")


async def test_smtp_answers_once_and_temporary_where_one_must_wait() -> None:
    async def mixed(inbound: Inbound) -> tuple[Reply, ...]:
        return replies.delivered(inbound.id), replies.source_down(inbound.id)

    async with inlet(SMTP_URL, mixed) as running, Client(running.url) as client:
        await client.hello()
        (reply,) = await client.send("a@b.example", ["1@x", "2@x"], MAIL)
        assert reply == f"451 4.3.0 Not finished for every recipient, id {running.got[0].id}"
        assert (await client.say("NOOP")).startswith("250 2.0.0 ")


# FACTS: an exception became a permanent bounce that leaked


@pytest.mark.parametrize("url", [LMTP, SMTP_URL])
async def test_an_exception_is_451_with_an_id_and_leaks_nothing(url: str) -> None:
    async def broken(_inbound: Inbound) -> tuple[Reply, ...]:
        raise ValueError("Subject: secret")

    with capture_logs() as logs:
        async with inlet(url, broken) as running, Client(running.url) as client:
            await client.hello()
            given = await client.send("a@b.example", ["1@x"], MAIL)
            assert given == [f"451 4.3.0 Temporary failure, id {running.got[0].id}"]
    assert [(log["event"], log["error"]) for log in logs] == [(Event.FAILED, "ValueError")]
    assert "secret" not in str(logs)


@pytest.mark.parametrize("count", [0, 2])
async def test_a_wrong_number_of_replies_is_451_for_all(count: int) -> None:
    async def miscounted(inbound: Inbound) -> tuple[Reply, ...]:
        return (replies.delivered(inbound.id),) * count

    async with inlet(LMTP, miscounted) as running, Client(running.url) as client:
        await client.hello()
        assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("451 4.3.0 ")


async def test_an_exception_in_a_command_is_451_and_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_argument: str, **_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("relay.smtp.transaction.read_mail", broken)
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert re.fullmatch(r"451 4\.3\.0 Temporary failure, id \w+", await client.say("MAIL FROM:<>"))
        assert (await client.say("NOOP")).startswith("250 ")


def test_without_somebody_to_take_messages_it_does_not_start() -> None:
    with pytest.raises(TypeError, match="lose the mail"):
        Inlet(None, hostname="x", allow=())  # type: ignore[arg-type]  # wrong on purpose


def test_every_command_of_aiosmtpd_is_overridden_or_known() -> None:
    """A new version of aiosmtpd may bring commands; none is served unseen."""
    own = {name.removeprefix("smtp_") for name in dir(SMTP) if name.startswith("smtp_")}
    inherited = {"RSET", "NOOP", "QUIT"}
    overridden = {"HELO", "EHLO", "MAIL", "RCPT", "DATA", "VRFY", "STARTTLS"}
    not_served = {"AUTH", "EXPN", "HELP"}
    assert own == inherited | overridden | not_served


@pytest.mark.parametrize("command", ["AUTH PLAIN AGEAYg==", "EXPN x", "HELP", "BDAT 1", "TURN", "FOO\x1b"])
async def test_commands_we_do_not_serve_are_refused_with_an_enhanced_code(command: str) -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        reply = await client.say(command)
        assert reply.startswith("500 5.5.2 ")
        assert reply.isprintable()


@pytest.mark.parametrize(
    ("command", "start"),
    [
        ("NOOP", "250 2.0.0 "),
        ("RSET", "250 2.0.0 "),
        ("RSET x", "501 5.5.4 "),
        ("VRFY x", "252 2.5.0 "),
        ("", "500 5.5.2 "),
        (b"\xff", "500 5.5.2 "),
        ("MAIL", "501 5.1.7 "),
        ("RCPT TO:<a@b>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("STARTTLS", "500 5.5.1 "),
        ("QUIT x", "501 5.5.4 "),
        ("NOOP " + "x" * 5000, "500 5.5.2 "),
        ("NOOP " + "x" * 300_000, "500 5.5.2 "),
        ("QUIT", "221 2.0.0 "),
    ],
)
async def test_every_reply_has_an_enhanced_code(command: str | bytes, start: str) -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say(command)).startswith(start)


@pytest.mark.parametrize("long", [5_000, 64 * 1024, 300_000])
async def test_what_follows_a_line_that_is_too_long_is_a_command_again(long: int) -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say("NOOP " + "x" * long)).startswith("500 5.5.2 ")
        assert (await client.say("NOOP x\nQUIT\rQUIT")).startswith("250 ")
        assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")


async def test_the_fifth_unknown_command_ends_the_connection() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        given = [await client.say(command) for command in ("FOO", "BAR x", " NOOP", "\x1b", "FOO")]
        assert [reply[:10] for reply in given] == [*["500 5.5.2 "] * 4, "502 5.5.1 "]
        assert await client.reply() == ""


# FACTS: long lines, size


async def test_a_long_line_is_no_permanent_failure() -> None:
    content = b"Subject: x\r\n\r\n" + b"x" * 3_000_000 + b"\r\n"
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert (await client.send("a@b.example", ["1@x"], content))[0].startswith("250")
        assert running.got[0].content == content


async def test_a_declared_size_too_large_is_refused_at_mail() -> None:
    async with inlet(bounds=Bounds(max_message_size=1000)) as running, Client(running.url) as client:
        await client.hello()
        assert await client.say("MAIL FROM:<> SIZE=1001") == "552 5.3.4 Message larger than 1000 octets"
        assert (await client.say("MAIL FROM:<> SIZE=1000")).startswith("250 ")


@pytest.mark.parametrize(("url", "count"), [(LMTP, 3), (SMTP_URL, 1)])
async def test_a_message_too_large_is_552_and_the_connection_goes_on(url: str, count: int) -> None:
    async with inlet(url, bounds=Bounds(max_message_size=1000)) as running, Client(running.url) as client:
        await client.hello()
        given = await client.send("a@b.example", ["1@x", "2@x", "3@x"], b"x" * 5000 + b"\r\n")
        assert given == ["552 5.3.4 Message larger than 1000 octets"] * count
        assert running.got == []
        assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250")
        assert len(running.got) == 1
        assert running.inlet.budget.free == running.inlet.bounds.room


async def in_hand(client: Client, running: Running, got: int = 1) -> None:
    """Send a mail up to its final dot, and wait until it is being handled."""
    await client.hello()
    await client.envelope("a@b.example", ["1@x"])
    await client.say("DATA")
    await client.body(MAIL)
    await running.until(got=got)


async def peak_of(client: Client, lines: int, answer: str) -> int:
    """The octets of memory that so many lines of 100,000 octets take while they come and are answered so."""
    await client.hello()
    await client.envelope("a@b.example", ["1@x"])
    await client.say("DATA")
    tracemalloc.start()
    for _ in range(lines):
        await client.write(b"x" * 99_998 + b"\r\n")
    await client.write(b".\r\n")
    assert (await client.reply()).startswith(answer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


async def test_a_large_message_is_not_read_while_a_small_one_is_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its octets stay with its client until the small one is answered."""
    monkeypatch.setattr(small_first, "PATIENCE", 600.0)
    answered = asyncio.Event()

    async def process(inbound: Inbound) -> tuple[Reply, ...]:
        await answered.wait()
        return take(inbound)

    async with inlet(process=process) as running, Client(running.url) as small, Client(running.url) as large:
        await in_hand(small, running)
        await large.hello()
        await large.envelope("a@b.example", ["1@x"])
        await large.say("DATA")
        sending = asyncio.create_task(large.body((b"x" * 998 + b"\r\n") * 16_000))
        await until(lambda: running.inlet.room.free < running.inlet.room.octets)
        for _ in range(1000):  # of the loop's turns, in each of which a piece could be read
            await asyncio.sleep(0)
        assert len(running.got) == 1
        assert not sending.done()
        answered.set()
        await sending
        assert (await small.reply()).startswith("250")
        assert (await large.reply()).startswith("250")


async def test_a_message_far_too_large_needs_no_memory() -> None:
    async with inlet(bounds=Bounds(max_message_size=100_000)) as running, Client(running.url) as client:
        assert await peak_of(client, 400, "552 5.3.4 ") < 3_000_000


async def test_50_mb_are_held_once() -> None:
    size = 50_000_000
    line = b"x" * 998 + b"\r\n"
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        await client.envelope("a@b.example", ["1@x"])
        await client.say("DATA")
        tracemalloc.start()
        for _ in range(size // 100_000):
            await client.write(line * 100)
        await client.write(b".\r\n")
        assert (await client.reply()).startswith("250 ")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(running.got[0].content) == size
        assert peak < 1.3 * size


# Pipelining and smuggling


async def test_pipelined_transactions_are_answered_in_order() -> None:
    async with inlet(SMTP_URL) as running, Client(running.url) as client:
        one = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nmessage %d\r\n.\r\n"
        await client.write(b"EHLO c\r\n" + one % 1 + one % 2 + b"NOOP\r\nQUIT\r\n")
        given = [(await client.reply())[:3] for _ in range(11)]
        assert given == ["250", "250", "250", "354", "250", "250", "250", "354", "250", "250", "221"]
        assert [inbound.content for inbound in running.got] == [b"message 1\r\n", b"message 2\r\n"]


async def test_replies_to_commands_that_came_together_go_out_together() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        recipients = b"".join(b"RCPT TO:<%d@x>\r\n" % n for n in range(20))
        await client.write(b"MAIL FROM:<a@b>\r\n" + recipients + b"RCPT nobody\r\nDATA\r\n")
        given = (await client.reader.read(1 << 16)).splitlines()
        assert [line[:3] for line in given] == [*[b"250"] * 21, b"501", b"354"]


async def test_whoever_names_thousands_of_recipients_at_once_keeps_nobody_waiting() -> None:
    async with inlet() as running, Client(running.url) as many, Client(running.url) as other:
        await many.hello()
        await other.hello()
        recipients = b"".join(b"RCPT TO:<%d@x>\r\n" % n for n in range(2000))
        named, at_once = 0, 0

        async def be_there() -> None:
            nonlocal named, at_once
            while named < 2000:
                await asyncio.sleep(0)  # a turn
                now = max(len(session._transaction._recipients) for session in running.inlet._sessions)  # type: ignore[attr-defined]  # private
                named, at_once = now, max(at_once, now - named)

        watching = asyncio.create_task(be_there())
        await many.write(b"MAIL FROM:<a@b>\r\n" + recipients)
        assert (await other.say("NOOP")).startswith("250 ")
        assert {(await many.reply())[:3] for _ in range(2001)} == {"250"}
        await watching
        assert at_once < 200


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\x00\n.\r\n"])
async def test_smuggling_a_second_message_yields_one_message(end: bytes) -> None:
    evil = b"one" + end + b"MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\ntwo\r\n"
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        await client.envelope("a@b.example", ["1@x"])
        await client.say("DATA")
        await client.write(evil + b".\r\n")
        assert (await client.reply()).startswith("250 ")
        assert (await client.say("NOOP")).startswith("250 ")
        (got,) = running.got
        assert got.content == evil.replace(b"\r\n.", b"\r\n")


# XFORWARD


async def test_xforward_in_two_commands_lasts_one_transaction() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say("XFORWARD NAME=c.example ADDR=192.0.2.1 PROTO=ESMTP")).startswith("250 2.0.0 ")
        assert (await client.say("XFORWARD HELO=c.example IDENT=4F3ABC SOURCE=REMOTE PORT=99")).startswith("250 ")
        await client.send("a@b.example", ["1@x"], MAIL)
        await client.send("a@b.example", ["1@x"], MAIL)
        first, second = (inbound.envelope for inbound in running.got)
        assert first.xforward == (
            ("NAME", "c.example"),
            ("ADDR", "192.0.2.1"),
            ("PROTO", "ESMTP"),
            ("HELO", "c.example"),
            ("IDENT", "4F3ABC"),
            ("SOURCE", "REMOTE"),
            ("PORT", "99"),
        )
        assert first.queue_id == "4F3ABC"
        assert second.xforward == ()


@pytest.mark.parametrize("reset", ["RSET", "LHLO again"])
async def test_xforward_is_forgotten_with_rset_and_hello(reset: str) -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        await client.say("XFORWARD NAME=c.example")
        await client.say(reset)
        await client.send("a@b.example", ["1@x"], MAIL)
        assert running.got[0].envelope.xforward == ()


async def test_xforward_said_again_counts_as_said_last_and_not_within_a_transaction() -> None:
    async with inlet() as running, Client(running.url) as client:
        await client.hello()
        await client.say("XFORWARD NAME=one ADDR=192.0.2.1")
        await client.say("XFORWARD name=two")
        await client.say("MAIL FROM:<>")
        assert (await client.say("XFORWARD NAME=three")).startswith("503 5.5.1 ")
        await client.say("RCPT TO:<a@b>")
        await client.say("DATA")
        await client.body(MAIL)
        await client.reply()
        assert running.got[0].envelope.xforward == (("name", "two"), ("ADDR", "192.0.2.1"))


# FACTS: the client leaves, the timer runs out


@pytest.mark.parametrize("how", ["drop", "reset"])
async def test_a_client_that_leaves_does_not_cancel_the_delivery(how: str) -> None:
    go, done = asyncio.Event(), asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        done.set()
        return take(inbound)

    with capture_logs() as logs:
        async with inlet(LMTP, slow) as running:
            async with Client(running.url) as client:
                await in_hand(client, running)
                (is_there,) = running.awaited
                assert is_there()
                getattr(client, how)()
            await running.until_left()
            assert not is_there()
            go.set()
            await running.until(told=1)
            assert done.is_set()
            assert running.told == [False]
            assert running.inlet.budget.free == running.inlet.bounds.room
    assert [log["event"] for log in logs] == [Event.UNANSWERED]


async def test_the_timer_does_not_cancel_a_running_delivery() -> None:
    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        leap(2 * Bounds().idle)
        await asyncio.sleep(0.01)
        return take(inbound)

    async with inlet(LMTP, slow) as running, Client(running.url) as client:
        await client.hello()
        assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")
        await running.until(told=1)
        assert running.told == [True]


async def test_an_idle_client_is_told_goodbye() -> None:
    async with inlet(bounds=Bounds(idle=0.05)) as running, Client(running.url) as client:
        assert (await client.reply()).startswith("421 4.4.2 ")
        assert await client.reader.read() == b""


async def test_a_slow_sender_is_served_while_it_sends_and_not_for_ever() -> None:
    async with inlet(bounds=Bounds(transfer=0.2)) as running, Client(running.url) as client:
        await client.hello()
        await client.envelope("a@b.example", ["1@x"])
        await client.say("DATA")
        goodbye = asyncio.create_task(client.reply())  # a reset follows, behind which asyncio gives nothing any more
        async with asyncio.timeout(SOON):
            while not goodbye.done():
                client.writer.write(b"x")
                await asyncio.sleep(0.01)
        assert (await goodbye).startswith("421 4.4.2 ")
        assert running.got == []


async def test_a_client_that_does_not_read_its_answers_is_cut_off() -> None:
    async def long(inbound: Inbound) -> tuple[Reply, ...]:
        return (Reply(250, "2.0.0", "x" * 10_000),) * len(inbound.envelope.recipients)

    async with inlet(LMTP, long) as running, Client(running.url) as client:
        await client.hello()
        await client.write(b"MAIL FROM:<>\r\n" + b"RCPT TO:<a@b>\r\n" * 5000 + b"DATA\r\n")
        for _ in range(5002):
            await client.reader.readline()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        await client.body(MAIL)
        await running.until(got=1)
        (session,) = running.inlet._sessions
        await until(session._wire.get_write_buffer_size)  # type: ignore[attr-defined]  # it waits for the client now
        leap(Bounds().idle + 1)
        await running.until(told=1)
        assert running.told == [False]
        assert running.inlet._sessions == set()


async def test_leaving_in_the_middle_of_data_delivers_nothing() -> None:
    async with inlet() as running:
        async with Client(running.url) as client:
            await client.hello()
            await client.envelope("a@b.example", ["1@x"])
            await client.say("DATA")
            await client.write(b"half a mess")
        await running.until_left()
        assert running.got == []
        assert running.inlet.budget.free == running.inlet.bounds.room


async def test_a_hook_that_fails_afterwards_does_not_spoil_the_connection() -> None:
    async def process(inbound: Inbound) -> tuple[Reply, ...]:
        return take(inbound)

    async def answered(_inbound: Inbound, _told: bool) -> None:
        raise ValueError("secret")

    server = Inlet(
        lambda inbound: Handled(inbound, process, answered, []),
        hostname="relay.example",
        allow=(ip_network("127.0.0.0/8"),),
    )
    (url,) = await server.start(place_of(LMTP))
    with capture_logs() as logs:
        async with Client(url) as client:
            await client.hello()
            for _ in range(2):
                assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")
    await server.stop(SOON)
    assert {log["event"] for log in logs} == {Event.FAILED}
    assert "secret" not in str(logs)


async def test_the_next_mail_waited_until_the_answer_to_the_last_one_was_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledged, "PAUSE", 60.0)
    async with inlet(LMTP) as running, Client(running.url) as client, asyncio.timeout(SOON):
        await client.hello()
        for _ in range(3):
            assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")
        await client.say("NOOP")
        await running.until(told=3)
        assert running.told == [True] * 3


async def test_an_answer_counts_when_nothing_of_it_is_left_in_our_buffer() -> None:
    async with inlet() as running, Client(running.url):
        (session,) = running.inlet._sessions
        assert session._wire.get_write_buffer_limits() == (0, 0)  # type: ignore[attr-defined]  # asyncio's own


# Bounds


async def test_a_client_not_allowed_gets_554_and_a_log_line() -> None:
    with capture_logs() as logs:
        async with inlet(allow=(ip_network("127.0.0.2/32"),)) as running:
            async with Client(running.url) as client:
                assert client.greeting == "554 5.7.1 Access denied"
                assert await client.reader.read() == b""
            async with Client(running.url, local=("127.0.0.2", 0)) as client:
                assert client.greeting.startswith("220 ")
    assert [(log["event"], log["peer"]) for log in logs] == [(Event.DENIED, "127.0.0.1")]


async def test_a_connection_too_many_gets_421_and_the_next_is_welcome() -> None:
    with capture_logs() as logs:
        async with inlet(bounds=Bounds(connections=2)) as running, Client(running.url):
            async with Client(running.url) as second, Client(running.url) as third:
                assert third.greeting.startswith("421 4.7.0 ")
                await second.say("QUIT")
                assert await second.reader.read() == b""
            async with Client(running.url) as fourth:
                assert fourth.greeting.startswith("220 ")
    assert [log["event"] for log in logs] == [Event.CROWDED]


async def test_a_silent_connection_makes_room_for_a_new_one_and_a_busy_one_does_not() -> None:
    bounds = Bounds(connections=2, idle_when_crowded=0.0)
    async with inlet(bounds=bounds) as running, Client(running.url) as busy, Client(running.url) as silent:
        await busy.hello()
        await busy.envelope("a@b.example", ["1@x"])
        await busy.say("DATA")
        async with Client(running.url) as third:
            assert third.greeting.startswith("220 ")
            assert (await silent.reply()).startswith("421 4.7.0 ")
            await busy.body(MAIL)
            assert (await busy.reply()).startswith("250 ")


async def test_a_message_that_is_only_announced_takes_no_room() -> None:
    bounds = Bounds(max_message_size=10_000, octets=12_000)
    async with inlet(bounds=bounds) as running, Client(running.url) as liar, Client(running.url) as client:
        await liar.hello()
        await liar.envelope("a@b.example SIZE=10000", ["1@x"])
        assert (await liar.say("DATA")).startswith("354 ")
        await client.hello()
        assert (await client.send("a@b.example SIZE=10000", ["1@x"], b"x" * 8000 + b"\r\n"))[0].startswith("250 ")


async def test_mail_goes_on_with_a_thousand_idle_connections_and_a_slow_sender() -> None:
    async with inlet() as running:
        idle = [Client(running.url) for _ in range(1000)]
        for start in range(0, 1000, 100):
            await asyncio.gather(*(each.__aenter__() for each in idle[start : start + 100]))
        slow = idle[0]
        await slow.hello()
        await slow.envelope("a@b.example", ["1@x"])
        await slow.say("DATA")
        await slow.write(b"slow")
        async with Client(running.url) as client:
            await client.hello()
            async with asyncio.timeout(SOON):
                assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")
        for each in idle:
            each.drop()


async def test_the_limit_of_open_files_is_raised_to_what_is_admitted() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        async with inlet(bounds=Bounds(connections=1200)):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(2400, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_beyond_the_octets_in_hand_the_client_keeps_its_mail() -> None:
    go = asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        return take(inbound)

    bounds = Bounds(max_message_size=10_000, octets=12_000)
    async with inlet(LMTP, slow, bounds=bounds) as running, Client(running.url) as one, Client(running.url) as two:
        for client in (one, two):
            await client.hello()
            await client.envelope("a@b.example", ["1@x", "2@x"])
            await client.say("DATA")
        await one.body(b"x" * 8000 + b"\r\n")
        await running.until(got=1)
        await two.body(b"x" * 8000 + b"\r\n")
        assert [(await two.reply())[:9] for _ in range(2)] == ["452 4.3.1"] * 2
        await two.say("MAIL FROM:<> SIZE=8000")
        await two.say("RCPT TO:<a@b>")
        assert (await two.say("DATA")).startswith("452 4.3.1 ")
        go.set()
        assert [(await one.reply())[:3] for _ in range(2)] == ["250"] * 2
        assert (await two.say("DATA")).startswith("354 ")
        await two.body(b"x" * 8000 + b"\r\n")
        assert (await two.reply()).startswith("250 ")


async def test_a_large_message_waits_for_room_and_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client is slowed, not refused; when the one before has its answer, it goes on."""
    go = asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        return take(inbound)

    monkeypatch.setattr(small_first, "PATIENCE", 0.0)
    bounds = Bounds(max_message_size=10_000_000, octets=12_000_000)
    async with inlet(LMTP, slow, bounds=bounds) as running, Client(running.url) as one, Client(running.url) as two:
        for client in (one, two):
            await client.hello()
            await client.envelope("a@b.example SIZE=8000000", ["1@x"])
            assert (await client.say("DATA")).startswith("354 ")
        content = (b"x" * 998 + b"\r\n") * 8000
        await one.body(content)
        await running.until(got=1)
        with capture_logs() as logs:
            sending = asyncio.create_task(two.body(content))
            await until(lambda: running.inlet.room.waiting == 1)
        assert logs == [{"event": "memory_awaited", "log_level": "info", "queue_id": "", "size": 8_000_000}]
        assert running.inlet.room.free == 4_000_000
        assert running.inlet.budget.free == running.inlet.bounds.room
        async with Client(running.url) as small:
            await in_hand(small, running, got=2)
            go.set()
            assert (await small.reply()).startswith("250 ")
        assert (await one.reply()).startswith("250 ")
        await sending
        assert (await two.reply()).startswith("250 ")
        assert [len(got.content) for got in running.got] == [8_000_000, len(MAIL), 8_000_000]
        assert running.inlet.room.free == 12_000_000


async def test_a_large_message_that_waits_too_long_is_read_to_its_end_and_stays_with_its_client() -> None:
    bounds = Bounds(max_message_size=10_000_000, octets=10_000_000, patience=0.05)
    go = asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        return take(inbound)

    async with inlet(LMTP, slow, bounds=bounds) as running, Client(running.url) as one, Client(running.url) as two:
        for client in (one, two):
            await client.hello()
            await client.envelope("a@b.example", ["1@x"])
            assert (await client.say("DATA")).startswith("354 ")
        content = (b"x" * 998 + b"\r\n") * 8000
        await one.body(content)
        await running.until(got=1)
        await two.body(content)
        assert (await two.reply())[:9] == "452 4.3.1"
        go.set()
        assert (await one.reply()).startswith("250 ")
        assert (await two.send("a@b.example", ["1@x"], content))[0].startswith("250 ")


async def test_a_client_that_leaves_while_it_waits_for_room_takes_none() -> None:
    bounds = Bounds(max_message_size=10_000_000, octets=10_000_000)
    go = asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        return take(inbound)

    async with inlet(LMTP, slow, bounds=bounds) as running, Client(running.url) as one, Client(running.url) as two:
        for client in (one, two):
            await client.hello()
            await client.envelope("a@b.example", ["1@x"])
            assert (await client.say("DATA")).startswith("354 ")
        await one.body((b"x" * 998 + b"\r\n") * 8000)
        await running.until(got=1)
        await two.write(b"x" * 200_000)
        await until(lambda: running.inlet.room.waiting == 1)
        two.drop()
        go.set()
        assert (await one.reply()).startswith("250 ")
        await until(lambda: running.inlet.room.free == 10_000_000 and not running.inlet.room.waiting)


async def test_what_there_is_no_room_for_is_not_held() -> None:
    async with inlet(bounds=Bounds(octets=200_000)) as running, Client(running.url) as client:
        assert await peak_of(client, 200, "452 4.3.1 ") < 3_000_000
        assert running.inlet.budget.free == 200_000


async def test_too_many_errors_end_the_connection() -> None:
    async with inlet(bounds=Bounds(errors=3)) as running, Client(running.url) as client:
        await client.hello()
        given = [(await client.say("DATA"))[:9] for _ in range(4)]
        assert given == ["503 5.5.1"] * 3 + ["421 4.7.0"]
        assert await client.reader.read() == b""


async def test_refused_recipients_are_no_errors_of_the_connection() -> None:
    async with inlet(bounds=Bounds(errors=3)) as running, Client(running.url) as client:
        await client.hello()
        given = await client.envelope("a@b.example", ["@"] * 30 + ["1@x"])
        assert [reply[:3] for reply in given] == ["250"] + ["501"] * 30 + ["250"]


async def test_too_many_commands_without_a_message_end_the_connection() -> None:
    async with inlet(bounds=Bounds(idle_commands=20)) as running, Client(running.url) as client:
        await client.hello()
        for _ in range(3):
            for _ in range(8):
                assert (await client.say("RSET")).startswith("250 ")
            await client.send("a@b.example", ["1@x"], MAIL)  # a message starts the count anew
        given = [await client.say("RSET") for _ in range(21)]
        assert given[-1].startswith("421 4.7.0 ")


async def test_aiosmtpds_limits_are_not_shared_between_connections() -> None:
    async with inlet() as running, Client(running.url) as one:
        await one.hello()
        async with Client(running.url) as two:
            for _ in range(5):
                await two.hello()
            long = "a@b.example ENVID=" + "x" * 100
            assert (await one.say(f"MAIL FROM:<{long[:11]}>{long[11:]}")).startswith("250 ")
            assert (await two.say("NOOP " + "x" * 4080)).startswith("250 ")


def test_aiosmtpds_logger_writes_no_message_text() -> None:
    assert not logging.getLogger("mail.log").isEnabledFor(logging.ERROR)


# Stopping


async def test_stopping_finishes_what_is_in_flight() -> None:
    go = asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        return take(inbound)

    async with inlet(LMTP, slow) as running, Client(running.url) as busy, Client(running.url) as idle:
        await busy.hello()
        await busy.envelope("a@b.example", ["1@x"])
        await busy.say("DATA")
        await busy.body(MAIL)
        await running.until(got=1)
        stopping = asyncio.create_task(running.inlet.stop(2 * SOON))
        assert (await idle.reply()).startswith("421 4.3.2 ")
        assert not stopping.done()
        go.set()
        assert (await busy.reply()).startswith("250 ")
        async with asyncio.timeout(SOON):
            assert (await busy.reply()).startswith("421 4.3.2 ")
            await stopping
        assert running.told == [True]
        with pytest.raises(OSError, match=r".+"):
            await Client(running.url).__aenter__()


async def test_stopping_waits_for_a_delivery_whose_client_has_left() -> None:
    go = asyncio.Event()

    async def slow(inbound: Inbound) -> tuple[Reply, ...]:
        await go.wait()
        return take(inbound)

    async with inlet(LMTP, slow) as running:
        async with Client(running.url) as client:
            await in_hand(client, running)
        stopping = asyncio.create_task(running.inlet.stop(2 * SOON))
        await running.until_left()
        await asyncio.sleep(0.05)
        assert not stopping.done()
        go.set()
        await stopping
        assert running.told == [False]


async def test_after_the_grace_what_is_left_is_ended_without_an_answer() -> None:
    async def for_ever(_inbound: Inbound) -> tuple[Reply, ...]:
        await asyncio.Event().wait()
        raise AssertionError

    async with inlet(LMTP, for_ever) as running, Client(running.url) as client:
        await in_hand(client, running)
        async with asyncio.timeout(SOON):
            await running.inlet.stop(0.05)
        assert not (await client.reply()).startswith("2")
        assert running.told == [False]
        assert running.inlet._deliveries == set()


# Unix sockets, TLS


async def test_a_unix_socket_serves_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    async with inlet(f"lmtp://{path}", allow=()) as running, Client(running.url) as client:
        assert running.url == f"lmtp://{path}"
        assert os.stat(path).st_mode & 0o777 == 0o666  # noqa: PTH116  a look at a file
        await client.hello()
        assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")
        assert running.got[0].peer == "unix"
    assert not path.exists()


async def test_a_socket_in_use_is_not_taken_over(tmp_path: Path) -> None:
    """The first relay went on, ready, and nobody could reach it."""
    path = tmp_path / "relay.sock"
    async with inlet(f"lmtp://{path}", allow=()) as running:
        with pytest.raises(ListenError, match="cannot be listened on"):
            async with inlet(f"lmtp://{path}", allow=()):
                pass
        with pytest.raises(ListenError, match="cannot be listened on"):
            Reserved(Endpoint.parse(f"lmtp://{path}"))
        async with Client(running.url) as client:
            await client.hello()
            assert (await client.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")


async def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    Reserved(Endpoint.parse(f"lmtp://{path}")).release()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with inlet(f"lmtp://{path}", allow=()) as running, Client(running.url) as client:
        await client.hello()


async def test_a_port_in_use_is_not_shared() -> None:
    async with inlet() as running:
        other = Inlet(running.inlet._begin, hostname="x", allow=())
        taken = Endpoint.parse(running.url)
        with pytest.raises(ListenError, match="in use"):
            await other.start(taken)
        with pytest.raises(ListenError, match="in use"):
            Reserved(taken)


async def test_a_place_that_cannot_be_listened_on_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not by the scheme"):
        async with inlet("smtp+starttls://127.0.0.1:0"):
            pass


@pytest.mark.parametrize(("url", "word"), [(LMTP, "LMTPS"), (SMTP_URL, "ESMTPS")])
async def test_tls_is_demanded_where_it_is_configured(url: str, word: str, identity: Identity) -> None:
    async with inlet(url, tls=identity.server()) as running, Client(running.url) as client:
        assert "STARTTLS" in await client.hello()
        for command in ("MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", "XFORWARD NAME=x"):
            assert (await client.say(command)).startswith("530 5.7.0 ")
        await client.starttls(identity.client())
        assert (await client.say("MAIL FROM:<>")).startswith("503 5.5.1 ")  # hello again (RFC 3207 section 4.2)
        assert "STARTTLS" not in await client.hello()
        assert (await client.say("STARTTLS")).startswith("503 5.5.1 ")
        content = b"x" * 998 + b"\r\n"
        assert (await client.send("a@b.example", ["1@x"], content * 1000))[0].startswith("250 ")
        assert running.got[0].protocol == word
        assert running.got[0].content == content * 1000
        await client.say("QUIT")


async def test_commands_sent_in_clear_behind_starttls_do_not_count(identity: Identity) -> None:
    async with inlet(SMTP_URL, tls=identity.server()) as running, Client(running.url) as client:
        await client.hello()
        await client.write(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<evil@x>\r\n")
        assert (await client.reply()).startswith("220 ")
        await client.writer.start_tls(identity.client(), server_hostname="localhost")
        await client.hello()
        assert (await client.say("RCPT TO:<a@b>")).startswith("503 5.5.1 ")
        await client.say("QUIT")


async def test_a_client_certificate_is_demanded_where_the_context_does(identity: Identity) -> None:
    tls = identity.server(demands_client=True)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # TLS 1.3 tells the client at its first read only
    async with inlet(SMTP_URL, tls=tls) as running:
        async with Client(running.url) as stranger:
            await stranger.hello()
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await stranger.starttls(identity.client())
        async with Client(running.url) as friend:
            await friend.hello()
            await friend.starttls(identity.client(shows_itself=True))
            await friend.hello()
            assert (await friend.send("a@b.example", ["1@x"], MAIL))[0].startswith("250 ")
            await friend.say("QUIT")
        await running.until_left()


def _reset_within_the_handshake(client: Client) -> None:
    client.writer.write(b"\x16\x03\x01\x02\x00\x01")
    client.reset()


LEAVING: dict[str, Callable[[Client], None]] = {
    "reset": Client.reset,
    "closed": Client.drop,
    "reset within the handshake": _reset_within_the_handshake,
    "no TLS at all": lambda client: client.writer.write(b"GET / HTTP/1.0\r\n\r\n"),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
async def test_who_leaves_behind_starttls_is_not_waited_for_when_the_relay_stops(
    leave: Callable[[Client], None], identity: Identity
) -> None:
    """asyncio did not tell that they had gone: they counted as connected for ever."""
    async with inlet(SMTP_URL, tls=identity.server(), grace=60) as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say("STARTTLS")).startswith("220 ")
        leave(client)
        async with asyncio.timeout(30):
            await running.until_left()
            await running.inlet.stop(60)


async def test_a_handshake_that_does_not_go_on_is_cut_off_when_the_relay_stops(identity: Identity) -> None:
    """It ended with an exception, and not with 0."""
    async with inlet(SMTP_URL, tls=identity.server()) as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say("STARTTLS")).startswith("220 ")
        await running.inlet.stop(0.1)
        assert running.inlet._sessions == set()
        with contextlib.suppress(ConnectionResetError):
            assert await client.reader.read() == b""


async def test_an_idle_client_with_tls_is_not_waited_for_when_the_relay_stops(identity: Identity) -> None:
    """Its farewell was: it does not read until it has a next mail."""
    async with inlet(SMTP_URL, tls=identity.server()) as running, Client(running.url) as client:
        await client.hello()
        await client.starttls(identity.client())
        await client.hello()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        async with asyncio.timeout(20):
            await running.inlet.stop(60)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]  # likewise
        assert (await client.reply()).startswith("421 4.3.2 ")


async def test_a_client_that_talks_no_tls_is_dropped_without_a_trace(identity: Identity) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    async with inlet(SMTP_URL, tls=identity.server()) as running, Client(running.url) as client:
        await client.hello()
        assert (await client.say("STARTTLS")).startswith("220 ")
        await client.write(b"MAIL FROM:<a@b>\r\n" * 10)
        await client.reader.read()
        await running.until_left()
    gc.collect()  # asyncio tells of exceptions nobody has asked for
    assert told == []


async def test_the_error_of_a_lost_connection_is_retrieved_before_the_garbage_collector_decides(
    identity: Identity,
) -> None:
    """The collector may finalise the future that holds it before the protocol that would retrieve it."""
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    async with inlet(SMTP_URL, tls=identity.server()) as running, Client(running.url) as client:
        await client.hello()
        here = client.writer.get_extra_info("sockname")
        sessions = [one for one in gc.get_objects() if isinstance(one, Session)]
        (line,) = [one for one in sessions if one.transport and one.transport.get_extra_info("peername") == here]
        lost = line._get_close_waiter(None)  # type: ignore[attr-defined]  # in the stubs
        assert (await client.say("STARTTLS")).startswith("220 ")
        await client.write(b"MAIL FROM:<a@b>\r\n" * 10)
        await client.reader.read()
        await running.until_left()
        assert lost.done()
        lost.__del__()
    assert told == []


# Real clients


async def test_smtplib_sends_an_ordinary_mail() -> None:
    async with inlet(SMTP_URL) as running:
        place = urlsplit(running.url)

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", place.port or 0, timeout=SOON) as client:
                client.sendmail("a@b.example", ["c@d.example"], MAIL, ["BODY=8BITMIME"], ["NOTIFY=NEVER"])

        await asyncio.to_thread(send)
        assert running.got[0].content == MAIL
        assert running.got[0].envelope.recipients[0].notify_never
