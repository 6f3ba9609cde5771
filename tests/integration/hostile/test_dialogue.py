"""An attacker at the inlet of the real relay: commands, floods, slow senders.

Each has its answer, nothing is executed, nothing is lost, and ordinary mail goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.client import Client
from lab.ordinary import Ordinary, peak
from lab.relay import Relay
from lab.sink import Sink

pytestmark = pytest.mark.waits

MIB = 1 << 20
MAIL = b"From: a@hopital.example\r\nSubject: from an attacker\r\n\r\nThe text of an attacker.\r\n"
CLEAR = b"X-Clear: yes\r\n" + MAIL
POLICY = [{"name": "clear", "header": {"X-Clear": "yes"}, "encrypt": "never"}, {"name": "all", "encrypt": "preferred"}]


@dataclass
class Bench:
    relay: Relay
    sink: Sink
    url: str


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": POLICY}, scheme="smtp") as relay:
        relay.start()
        yield Bench(relay, sink, relay.settings["listen"][0])


async def lives(bench: Bench) -> None:
    """It still takes mail."""
    async with Client(bench.url) as client:
        await client.hello()
        assert (await client.send("a@hopital.example", ["b@else.example"], MAIL))[0].startswith("250 ")


@pytest.mark.parametrize(
    "sender",
    [
        "$(touch {0})@x.example",
        "`touch {0}`@x.example",
        "|touch${{IFS}}{0}@x.example",
        '"; touch {0} #"@x.example',
        "--output={0}@x.example",
        '"-o {0}"@x.example',
        "%s%n@x.example",
        "../../{0}@x.example",
    ],
)
async def test_an_address_is_never_run_nor_a_file(sender: str, bench: Bench, tmp_path: Path) -> None:
    evil = sender.format("x" if ".." in sender else tmp_path / "x")
    bench.sink.forget()
    async with Client(bench.url) as client:
        await client.hello()
        given = [await client.say(f"{command}:<{evil}>") for command in ("MAIL FROM", "RCPT TO")]
        if "501 " not in {reply[:4] for reply in given}:  # a space without quotes is no address
            given.append(await client.say("DATA"))
            await client.body(CLEAR)
            given.append(await client.reply())
    assert [reply[:3] for reply in given] in (["250", "250", "354", "250"], ["501", "503"])
    assert [(mail.sender, list(mail.recipients)) for mail in bench.sink.taken] == [(evil, [evil])] * (len(given) == 4)
    assert not os.listdir(tmp_path)  # noqa: PTH208  nothing to wait for
    assert not [path for path in bench.relay.folder.rglob("*") if path.name.startswith("x")]


@pytest.mark.parametrize(
    "address",
    ['"john doe"@x.example', '"a\\"b"@x.example', '"a@b"@x.example', "é@x.example", "e@é.example", "用户@例子.example",
     "l" * 64 + "@" + "d" * 240 + ".example.org", "a" * 312 + "@x.exam"],
    ids=range(8),
)  # fmt: skip
async def test_an_odd_address_goes_on_to_the_letter(address: str, bench: Bench) -> None:
    bench.sink.forget()
    parameters = "" if address.isascii() else " SMTPUTF8"
    async with Client(bench.url) as client:
        await client.hello()
        assert (await client.say(f"MAIL FROM:<a@hopital.example>{parameters}")).startswith("250 ")
        assert (await client.say(f"RCPT TO:<{address}>")).startswith("250 ")
        assert (await client.say("DATA")).startswith("354 ")
        await client.body(CLEAR)
        assert (await client.reply()).startswith("250 ")
    (mail,) = bench.sink.taken
    assert list(mail.recipients) == [address]


@pytest.mark.parametrize(
    "address",
    [
        "bob%else.example@x.example",
        '"bob@else.example"@x.example',
        "bob@else.example,",
        "bob@i\N{HEAVY BLACK HEART}.ws",
        "bob@\N{FULLWIDTH LATIN SMALL LETTER X}.example",
        "bob@fa\N{LATIN SMALL LETTER SHARP S}.example",
        "bob@xn--i-7iq.ws",
        "bob@[192.0.2.1]",
    ],
)
async def test_nothing_goes_clear_to_an_address_of_which_postfix_makes_another(address: str, bench: Bench) -> None:
    bench.sink.forget()
    async with Client(bench.url) as client:
        await client.hello()
        assert (await client.send("a@hopital.example SMTPUTF8", [address], MAIL))[0].startswith("250 ")
    (notice,) = bench.sink.taken
    assert (notice.sender, list(notice.recipients)) == ("", ["a@hopital.example"])
    assert b"The text of an attacker." not in notice.content


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("RCPT TO:<b@x> ORCPT=rfc822;a\rRCPT TO:<evil@x>", "501 5.5.4"),
        ("RCPT TO:<b@x> ORCPT=rfc822;a+0D+0ARCPT", "250 2.1.5"),  # xtext stays xtext
        ("RCPT TO:<b@x> ORCPT=rfc822;" + "a" * 600, "501 5.5.4"),
        ("RCPT TO:<b@x> NOTIFY=NEVER,SUCCESS", "501 5.5.4"),
        ("RCPT TO:<b@x> EVIL=1", "555 5.5.4"),
        ("RCPT TO:<b@x>\0", "501 5.1.3"),
        ("RCPT TO:<b@x\0>", "501 5.1.3"),
        ("RCPT TO:<b@x\nRCPT TO:<evil@x>", "501 5.1.3"),
        ("NOOP\nRCPT TO:<evil@x>", "500 5.5.2"),
        ("RSET\n", "250 2.0.0"),
        ("RCPT TO:<" + "a" * 321 + ">", "501 5.1.3"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:b@x", "501 5.1.3"),
        ("RCPT TO:<b@x><evil@x>", "501 5.1.3"),
        ("BDAT 10 LAST", "500 5.5.2"),
        ("AUTH PLAIN AGEAYg==", "500 5.5.2"),
        ("EXPN staff", "500 5.5.2"),
        ("VRFY root", "252 2.5.0"),
        ("DATA", "503 5.5.1"),
        ("DATA evil", "503 5.5.1"),
        ("XFORWARD IDENT=x", "503 5.5.1"),
        ("STARTTLS", "500 5.5."),
        ("ETRN x", "500 5.5.2"),
        ("HELP", "500 5.5.2"),
        ("\0\0\0\0", "500 5.5.2"),
        ("GET / HTTP/1.1", "500 5.5.2"),
        ("\x16\x03\x01\x02", "500 5.5.2"),
        ("x" * 5000, "500 5.5.2"),
        ("RCPT TO:<" + "a" * 1_000_000 + ">", "500 5.5.2"),
    ],
)
async def test_a_hostile_command_has_its_answer_and_the_connection_goes_on(
    command: str, answer: str, bench: Bench
) -> None:
    bench.sink.forget()
    async with Client(bench.url) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@hopital.example>")
        assert (await client.say(command)).startswith(answer)
        await client.say("RSET")
        (reply,) = await client.send("a@hopital.example", ["b@else.example"], MAIL)
        assert reply.startswith("250 ")
    (mail,) = bench.sink.taken
    assert list(mail.recipients) == ["b@else.example"]


async def test_reset_in_the_middle_forgets_the_recipients(bench: Bench) -> None:
    bench.sink.forget()
    async with Client(bench.url) as client:
        await client.hello()
        await client.envelope("a@hopital.example", ["secret@else.example"])
        await client.say("RSET")
        assert (await client.say("DATA")).startswith("503 ")
        await client.send("a@hopital.example", ["b@else.example"], MAIL)
    assert [list(mail.recipients) for mail in bench.sink.taken] == [["b@else.example"]]


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\0\r\n.\r\r\n"])
async def test_a_smuggled_mail_is_refused_with_the_one_that_carries_it(end: bytes, bench: Bench) -> None:
    bench.sink.forget()
    evil = MAIL + b"one" + end + b"MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\n" + MAIL
    async with Client(bench.url) as client:
        await client.hello()
        await client.envelope("a@hopital.example", ["b@else.example"])
        await client.say("DATA")
        await client.write(evil + b".\r\n")
        assert (await client.reply()).startswith("554 5.6.0 ")
        assert (await client.say("NOOP")).startswith("250 ")
    assert not bench.sink.taken


async def test_pipelined_garbage_ends_the_connection_and_no_other(bench: Bench) -> None:
    async with Ordinary(bench.url), Client(bench.url) as client:
        await client.hello()
        replies = []
        with contextlib.suppress(ConnectionError):  # it closes with garbage unread, or unsent
            await client.write(os.urandom(100_000).replace(b"\n", b"\r\n") + b"\r\nx" * 100 + b"\r\n")
            while reply := await client.reply():
                replies.append(reply[:4])
        assert set(replies) <= {"500 ", "501 ", "421 "}
        assert len(replies) <= 22
    await lives(bench)


async def test_a_line_without_end_takes_no_memory(bench: Bench) -> None:
    before = peak(bench.relay.pid)
    async with Ordinary(bench.url), Client(bench.url) as client:
        for _ in range(50):
            await client.write(b"x" * MIB)
        await client.write(b"\r\n")
        assert (await client.reply())[:4] in {"500 ", "421 "}
    assert peak(bench.relay.pid) - before < 20 * MIB


async def test_ordinary_mail_goes_on_with_a_thousand_idle_connections_and_slow_senders(bench: Bench) -> None:
    idle = [Client(bench.url) for _ in range(1000)]
    try:
        for start in range(0, 1000, 50):
            await asyncio.gather(*(each.__aenter__() for each in idle[start : start + 50]))
        for slow in idle[:20]:
            await slow.hello()
            await slow.envelope("a@hopital.example SIZE=50000000", ["b@else.example"])
            assert (await slow.say("DATA")).startswith("354 ")
        async with Ordinary(bench.url) as ordinary:
            for octet in b"Subject: slow\r\n\r\nx":
                for slow in idle[:20]:
                    await slow.write(bytes([octet]))
                await asyncio.sleep(0.05)
        assert ordinary.slowest < 3
    finally:
        for each in idle:
            each.drop()
    await lives(bench)


async def test_a_flood_of_connections_keeps_nobody_out_for_long(bench: Bench) -> None:
    flood = [Client(bench.url) for _ in range(1300)]
    try:
        for start in range(0, 1300, 50):
            await asyncio.gather(*(each.__aenter__() for each in flood[start : start + 50]))
        assert sum(map(turned_away, flood)) >= 50
        async with asyncio.timeout(30):
            while True:
                async with Client(bench.url) as client:
                    if client.greeting.startswith("220 "):
                        break
                await asyncio.sleep(0.5)
    finally:
        for each in flood:
            each.reset()
    await lives(bench)


def turned_away(client: Client) -> bool:
    """At once, or later for a new one: on a slow machine the first have been silent for long when the last come."""
    unread: bytes = client.reader._buffer  # type: ignore[attr-defined]  # private
    return client.greeting.startswith("421 4.7.0 ") or unread.startswith(b"421 4.7.0 ")


async def test_half_open_connections_are_no_burden(bench: Bench) -> None:
    before = len(bench.relay.events)
    async with Ordinary(bench.url):
        for _ in range(200):
            async with Client(bench.url) as client:
                await client.write(
                    b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@else.example>\r\nDATA\r\nSubject: x\r\n"
                )
                client.reset()
    assert not [mail for mail in bench.sink.taken if "c@else.example" in mail.recipients]
    assert not [event for event in bench.relay.events[before:] if event["event"] == "failed"]


async def test_a_client_that_is_stopped_in_the_middle_of_its_answers_stops_nobody(bench: Bench) -> None:
    async with Ordinary(bench.url) as ordinary, Client(bench.url) as deaf:
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        for _ in range(50):
            deaf.writer.write(b"EHLO x\r\n" * 4)
        await asyncio.sleep(1)
    assert ordinary.slowest < 3


def test_an_unexpected_signal_does_not_dump_what_is_in_memory(bench: Bench) -> None:
    limits = Path(f"/proc/{bench.relay.pid}/limits").read_text()
    (core,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
