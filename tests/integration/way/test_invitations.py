"""Invitations and Outlook's own format are encrypted whole, and a rule by shape passes them byte for byte."""

from __future__ import annotations

import base64
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab.known import KNOWN, Known, is_encrypted
from lab.relay import Relay
from lab.sink import Sink

SENDER, OPEN = "medecin@hopital.example", "known@open.example"
POLICY = [
    {"name": "invitations in clear", "to": ["*@open.example"], "shape": ["calendar", "tnef"], "encrypt": "never"},
    {"name": "everyone", "encrypt": "required"},
]
HEAD = f"From: {SENDER}\r\nTo: someone@ville.example\r\nSubject: Staff meeting of Friday\r\nMIME-Version: 1.0\r\n"
INVITATION = (
    'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe meeting is at nine o'clock.\r\n"
    "--b\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n"
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261127T090000Z\r\n"
    "DESCRIPTION:long lines are folded with one\r\n  space\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n"
)
TNEF = (
    'Content-Type: application/ms-tnef; name="winmail.dat"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    + base64.encodebytes(b"\x78\x9f\x3e\x22" + bytes(range(256)) * 4).decode().replace("\n", "\r\n")
)
PLAIN = "\r\nNothing but a text for Friday.\r\n"


@dataclass
class Bench:
    relay: Relay
    sink: Sink
    known: Known


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Known(KNOWN, OPEN) as known, Sink() as sink, Relay({"policy": POLICY}) as relay:
        relay.configure({**relay.settings, "reinject": f"smtp://127.0.0.1:{sink.port}"})
        known.introduce(relay)
        relay.start()
        yield Bench(relay, sink, known)


def through(bench: Bench, recipient: str, content: bytes) -> bytes:
    bench.sink.forget()
    with smtplib.LMTP("127.0.0.1", bench.relay.port, timeout=60) as client:
        assert client.sendmail(SENDER, [recipient], content) == {}
    (mail,) = bench.sink.wait_for(1)
    return mail.content


@pytest.mark.parametrize("rest", [INVITATION, TNEF], ids=["calendar", "tnef"])
def test_it_is_encrypted_and_comes_out_as_it_was(rest: str, bench: Bench) -> None:
    fields, _, body = rest.partition("\r\n\r\n")
    inside = bench.known.decrypt(through(bench, KNOWN, (HEAD + rest).encode()))
    assert inside.endswith(b"\r\n\r\n" + body.encode())
    assert fields.split("; ")[0].encode() in inside


@pytest.mark.parametrize("rest", [INVITATION, TNEF], ids=["calendar", "tnef"])
def test_a_rule_by_shape_passes_it_byte_for_byte_and_nothing_else(rest: str, bench: Bench) -> None:
    content = (HEAD + rest).encode()
    passed = through(bench, OPEN, content)
    assert passed.startswith(b"Received: ")
    assert passed.endswith(b"\r\n" + content)
    assert is_encrypted(through(bench, OPEN, (HEAD + PLAIN).encode()))
