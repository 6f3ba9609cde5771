"""Made-up messages through a real relay: header blocks and bodies that nobody would write, and attackers do."""

from __future__ import annotations

import smtplib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lab import payloads
from lab.corpus import is_passed_on
from lab.known import KNOWN, UNKNOWN, Known
from lab.relay import Relay
from lab.sink import Sink

from relay.mail import headers
from relay.mail.shape import Protection, shape_of

SENDER = "medecin@hopital.example"
LONG_LINE = b"x" * 1_000_000 + b"\r\n"

texts = st.binary(max_size=60).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
types = st.sampled_from(
    [
        b"text/plain",
        b"text/plain; charset=utf-8",
        b"text/plain;\r\n\tcharset=utf-8",
        b"multipart/mixed; boundary=x",
        b'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=x',
        b"application/pkcs7-mime; smime-type=enveloped-data",
        b"text/plain; charset",
        b"; ;",
        b"\xff\xfe",
        b'text/plain; hp="clear"; protected-headers="v1"',
    ]
)
fields = st.one_of(
    st.tuples(st.sampled_from([b"Subject", b"To", b"Bcc", b"Cc", b"X-Odd", b"Comments", b"From"]), texts).map(
        lambda pair: pair[0] + b": " + pair[1] + b"\r\n"
    ),
    types.map(lambda value: b"Content-Type: " + value + b"\r\n"),
    st.just(b"Content-Transfer-Encoding: 8bit\r\n"),
    st.just(b"Subject: folded\r\n over\r\n\tlines\r\n"),
    texts.map(lambda raw: raw + b"\r\n"),
    st.just(b" a fold in front\r\n"),
)
lines = st.one_of(
    texts.map(lambda raw: raw + b"\r\n"),
    st.sampled_from([b".\r\n", b"..\r\n", b"-----BEGIN PGP MESSAGE-----\r\n", b"--x\r\n", b"--x--\r\n", b"\r\n"]),
    st.sampled_from([b"bare\nlf\r\n", b"bare\rcr\r\n", b"nul\0\r\n"]),
    st.just(LONG_LINE),
)
messages = st.builds(
    lambda head, empty, body: b"".join([*head, empty, *body]) or b"\r\n",
    st.lists(fields, max_size=8),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b""]),
    st.lists(lines, max_size=8),
)


@dataclass
class Bench:
    known: Known
    sink: Sink
    client: smtplib.LMTP


@pytest.fixture(scope="module")
def bench(known: Known) -> Iterator[Bench]:
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}"}) as relay:
        known.introduce(relay)
        relay.start()
        with smtplib.LMTP("127.0.0.1", relay.port, timeout=60) as client:
            yield Bench(known, sink, client)


def test_what_leaves_is_encrypted_with_its_body_intact_or_passed_byte_for_byte_or_refused(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(content=messages)
    @example(b"Subject: one line\r\n\r\n" + LONG_LINE)
    def each(content: bytes) -> None:
        became = judge(bench, content)
        counts[became] += 1
        counts[f"{became}, with a line of 1 MB"] += LONG_LINE in content

    each()
    record_property("counted", f"made-up messages to somebody with a key: {dict(counts)}")
    assert counts["encrypted"] >= 30
    assert counts["encrypted, with a line of 1 MB"] >= 1


def judge(bench: Bench, content: bytes) -> str:
    """What became of the copy for the one with a key; asserts that both copies are what they may be."""
    before = len(bench.sink.taken)
    refused = refusals(bench.client, content)
    arrived = {to: mail.content for mail in bench.sink.taken[before:] for to in mail.recipients}
    assert set(arrived) == {KNOWN, UNKNOWN} - set(refused)
    assert all(400 <= code < 600 for code in refused.values())
    assert bool(refused) == headers.faulty(content)
    if UNKNOWN in arrived:
        assert is_passed_on(content, passed(arrived[UNKNOWN]))
    if KNOWN not in arrived:
        return "refused"
    if is_passed_on(content, passed(arrived[KNOWN])):
        assert shape_of(content).protection is Protection.ENCRYPTED
        return "passed"
    payload = bench.known.decrypt(arrived[KNOWN])
    assert payloads.body(payload) == content[headers.split(content).body_start :]
    return "encrypted"


def refusals(client: smtplib.LMTP, content: bytes) -> dict[str, int]:
    """Who was refused, and with which code; LMTP's answers are read one by one (smtplib reads the first alone)."""
    client.ehlo_or_helo_if_needed()
    client.mail(SENDER)
    for recipient in (KNOWN, UNKNOWN):
        client.rcpt(recipient)
    codes = [client.data(content)[0], client.getreply()[0]]
    return {to: code for to, code in zip((KNOWN, UNKNOWN), codes, strict=True) if code >= 300}


def passed(mail: bytes) -> bytes:
    """What stands behind our Received line, which ends with the date (a fold may follow that was received)."""
    assert mail.startswith(b"Received: ")
    return mail.partition(b" +0000\r\n")[2]
