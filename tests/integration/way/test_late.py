"""A mail that leaves long after its Date carries no signature, which Thunderbird would call a forgery."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from lab.known import KNOWN, Known, armored
from lab.relay import Relay
from lab.sink import Sink

SENDER, NOBODY = "medecin@hopital.example", "nobody@hopital.example"
SAID = "; not signed: its Date is more than 50 minutes from now"


@dataclass
class Bench:
    relay: Relay
    sink: Sink
    known: Known


@pytest.fixture(scope="module", params=["gnupg", "sequoia"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Known() as known, Sink() as sink, Relay({"engine": request.param}) as relay:
        signer = relay.run("keys", "generate", "Relay", "relay@hopital.example").stdout.partition(b"\n")[2]
        known.introduce(relay)
        known.person.gpg("--import", data=signer)
        sign = {"senders": {SENDER: "relay@hopital.example"}}
        relay.configure({**relay.settings, "reinject": f"smtp://127.0.0.1:{sink.port}", "sign": sign})
        relay.start()
        yield Bench(relay, sink, known)


def letter(minutes: float | None) -> bytes:
    date = datetime.now(UTC) + timedelta(minutes=minutes or 0)
    field = "" if minutes is None else f"Date: {format_datetime(date)}\r\n"
    return f"From: {SENDER}\r\nTo: {KNOWN}\r\n{field}Subject: s\r\n\r\nbody\r\n".encode()


def arrived(bench: Bench, content: bytes, sender: str = SENDER) -> tuple[bool, str, str]:
    """Whether it is signed, and what the trace says of it: the reason, and the signing key."""
    bench.sink.forget()
    with smtplib.LMTP("127.0.0.1", bench.relay.port, timeout=60) as client:
        client.sendmail(sender, [KNOWN], content)
    (mail,) = bench.sink.wait_for(1)
    read = bench.known.person.gpg(
        "--status-fd", "1", "--trust-model", "always", "--decrypt", data=armored(mail.content)
    )
    row = json.loads(bench.relay.run("trace", "--json").stdout.splitlines()[-1])
    return b"GOODSIG" in read, row["reason"], row["signed_by"]


def explained(bench: Bench, content: bytes) -> str:
    words = ["explain", "--from", SENDER, "--to", KNOWN, "--message", "-"]
    return bench.relay.run(*words, content=content).stdout.decode()


@pytest.mark.parametrize("minutes", [-51, -600, 51, 6000])
def test_it_is_not_signed_and_trace_and_explain_say_so(bench: Bench, minutes: float) -> None:
    """Thunderbird showed “Signature Date Mismatch … attempt to deceive”."""
    assert arrived(bench, letter(minutes)) == (False, f"key found: keyring{SAID}", "")
    said = " ".join(explained(bench, letter(minutes)).split())
    assert f"encrypt: key found: keyring{SAID}" in said
    assert "signed by nobody" in said


@pytest.mark.parametrize("minutes", [-49, 0, 49, None])
def test_a_mail_on_time_is_signed_and_one_whose_date_postfix_will_write(bench: Bench, minutes: float | None) -> None:
    signed, reason, by = arrived(bench, letter(minutes))
    assert (signed, reason) == (True, "key found: keyring")
    assert len(by) == 40
    assert SAID not in explained(bench, letter(minutes))


def test_nothing_is_said_of_a_signature_that_no_key_would_make(bench: Bench) -> None:
    assert arrived(bench, letter(-600), NOBODY) == (False, "key found: keyring", "")


def test_without_a_mail_explain_takes_it_for_one_on_time(bench: Bench) -> None:
    assert SAID not in bench.relay.run("explain", "--from", SENDER, "--to", KNOWN).stdout.decode()


def test_a_site_may_sign_late_mail_all_the_same(bench: Bench) -> None:
    settings = bench.relay.settings
    bench.relay.stop()
    bench.relay.configure({**settings, "sign": {**settings["sign"], "late": "signed"}})
    bench.relay.start()
    signed, reason, _ = arrived(bench, letter(-600))
    assert (signed, reason) == (True, "key found: keyring")
    assert SAID not in explained(bench, letter(-600))
    bench.relay.stop()
    bench.relay.configure(settings)
    bench.relay.start()
