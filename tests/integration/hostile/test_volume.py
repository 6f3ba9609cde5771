"""Much of everything: header fields, octets, recipients, nesting. Time and memory are bounded, other mail goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab.certificates import make_certificates
from lab.client import Client
from lab.known import KNOWN, Known, is_encrypted
from lab.ordinary import Ordinary, forget_peak, peak
from lab.relay import Relay
from lab.sink import Sink

MIB = 1 << 20
SENDER = "medecin@hopital.example"
HEAD = b"From: medecin@hopital.example\r\nTo: known@ville.example\r\nSubject: a large one\r\n"
RULES = [
    {"name": f"rule {n}", "subject": "[confidentiel]", "header": {"Sensitivity": "x*"}, "to": [f"*@d{n}.example"]}
    for n in range(20)
]
SLOWEST = 3.0
"""Seconds that an ordinary mail may take meanwhile, or a quarter of what the attack took on a machine under load."""

RECIPIENTS = 10_000
"""As many as the relay takes of one mail."""


@dataclass
class Bench:
    relay: Relay
    sink: Sink
    url: str


@pytest.fixture(scope="module")
def one_relay(known: Known) -> Iterator[Bench]:
    policy = [*RULES, {"name": "everyone", "encrypt": "preferred"}]
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": policy}) as relay:
        known.introduce(relay)
        relay.start()
        yield Bench(relay, sink, relay.settings["listen"][0])


@pytest.fixture
def bench(one_relay: Bench) -> Bench:
    one_relay.sink.forget()
    forget_peak(one_relay.relay.pid)
    return one_relay


async def send(bench: Bench, content: bytes, seconds: float) -> str:
    """The reply to one mail for `KNOWN`, in time, while ordinary mail goes on; the connection lives on."""
    async with Ordinary(bench.url) as ordinary, Client(bench.url) as client:
        await client.hello()
        begun = time.monotonic()
        (reply,) = await client.send(SENDER, [KNOWN], content)
        took = time.monotonic() - begun
        assert (await client.say("NOOP")).startswith("250 ")
    assert took < seconds
    assert ordinary.slowest < max(SLOWEST, took / 4)
    return reply


def the_mail(bench: Bench) -> bytes:
    (mail,) = (taken for taken in bench.sink.taken if KNOWN in taken.recipients)
    assert is_encrypted(mail.content)
    return mail.content


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: v\r\n" % n for n in range(100_000)),
        b"X-Long: " + b"x" * 10_000_000 + b"\r\n",
        b"X-Folded: x\r\n" + b" \r\n" * 1_000_000,
        b"To: " + b"x@y.example, " * 300_000 + b"known@ville.example\r\n",
        b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 500_000 + b"\r\n",
        b"To: " + b"(" * 10_000_000 + b"\r\n",
        b"Content-Type: text/plain" + b"; a=b" * 2_000_000 + b"\r\n",
    ],
    ids=[
        "100,000 fields",
        "one of 10 MB",
        "a million folds",
        "300,000 addresses in To",
        "10 MB of encoded words",
        "10 MB of (",
        "10 MB of parameters",
    ],
)
async def test_a_large_header_is_encrypted_like_any_other(head: bytes, bench: Bench, known: Known) -> None:
    before = peak(bench.relay.pid)
    assert (await send(bench, HEAD + head + b"\r\nThe body.\r\n", 60)).startswith("250 ")
    assert known.decrypt(the_mail(bench)).endswith(b"\r\n\r\nThe body.\r\n")
    assert peak(bench.relay.pid) - before < 250 * MIB


@pytest.mark.parametrize(
    "head", [b"a:\r\n" * 12_000_000, b"X: " + b"x" * 13_000_000 + b"\r\n"], ids=["48 MB of fields", "one of 13 MB"]
)
async def test_a_larger_header_is_refused_for_good_at_once(head: bytes, bench: Bench) -> None:
    before = peak(bench.relay.pid)
    assert (await send(bench, HEAD + head + b"\r\nThe body.\r\n", 60)).startswith("552 5.3.4 ")
    assert not any(KNOWN in mail.recipients for mail in bench.sink.taken)
    assert peak(bench.relay.pid) - before < 5 * len(head)


async def test_mime_nested_10_000_deep_is_encrypted(bench: Bench, known: Known) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000))
    assert (await send(bench, HEAD + nested + b"\r\nThe body.\r\n", 60)).startswith("250 ")
    assert known.decrypt(the_mail(bench)).endswith(b"\r\nThe body.\r\n")


async def test_a_hundred_thousand_parts_and_lines_that_look_like_boundaries_are_encrypted(bench: Bench) -> None:
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    assert (await send(bench, head + b"--b\r\n\r\nx\r\n" * 100_000 + b"--bb\r\n" * 500_000, 60)).startswith("250 ")
    the_mail(bench)


async def attempt(client: Client, recipients: list[str], content: bytes) -> list[str]:
    """One transaction with all of them; what each was answered."""
    await client.say(f"MAIL FROM:<{SENDER}>")
    for start in range(0, len(recipients), 500):
        part = recipients[start : start + 500]
        await client.write("".join(f"RCPT TO:<{address}>\r\n" for address in part).encode())
        assert {(await client.reply())[:9] for _ in part} == {"250 2.1.5"}
    if len(recipients) == RECIPIENTS:
        assert (await client.say("RCPT TO:<one@too.many>")).startswith("452 4.5.3 ")
    assert (await client.say("DATA")).startswith("354 ")
    await client.body(content)
    return [(await client.reply())[:9] for _ in recipients]


@pytest.mark.timeout(600)
async def test_ten_thousand_recipients_each_get_their_answer_and_what_is_theirs(bench: Bench) -> None:
    hidden, named = 20, 80
    unknown = RECIPIENTS - hidden - named
    keys = make_certificates(hidden + named)
    bench.relay.run("keys", "import", "-", content=b"".join(keys))
    people = [f"person{n}@example.org" for n in range(hidden + named)]
    recipients = [*people, *(f"nobody{n}@else.example" for n in range(unknown))]
    to = b",\r\n ".join(address.encode() for address in people[hidden:])
    content = b"To: %b\r\nSubject: %b\r\n\r\nFor ten thousand.\r\n" % (to, b"x" * 60_000)
    before = peak(bench.relay.pid)
    begun, left = time.monotonic(), recipients
    async with Ordinary(bench.url) as ordinary, Client(bench.url) as client:
        await client.hello()
        while left:  # a machine under load does not look all of them up in time, and those are tried again
            given = await attempt(client, left, content)
            assert set(given) <= {"250 2.0.0", "451 4.4.3"}
            assert "250 2.0.0" in given
            left = [address for address, reply in zip(left, given, strict=True) if reply == "451 4.4.3"]
    seconds = time.monotonic() - begun
    print(f"{RECIPIENTS} recipients: {seconds:.1f} s, {(peak(bench.relay.pid) - before) / MIB:.0f} MiB more")
    assert seconds < 120
    assert peak(bench.relay.pid) - before < 300 * MIB
    assert ordinary.slowest < max(SLOWEST, seconds / 4)
    mails = [mail for mail in bench.sink.taken if b"ordinary" not in mail.content]
    got = Counter(address for mail in mails for address in mail.recipients)
    assert got == Counter(recipients)
    for mail in mails:
        assert is_encrypted(mail.content) == ("nobody" not in next(iter(mail.recipients)))
        assert len(mail.recipients) == 1 or not set(people[:hidden]) & set(mail.recipients)
