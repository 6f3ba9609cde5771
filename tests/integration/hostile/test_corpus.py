"""Mails made to get clear text out, each by a trick its file is named by: encrypted like any other, or refused.

The files of `tests/hostile_corpus` are the parameters. What must not be read outside says “positive-result”, or is
coded so that somebody could read it without a key.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab import payloads
from lab.known import KNOWN, UNKNOWN, Known, is_encrypted
from lab.relay import Relay
from lab.sink import Sink

from relay.mail import headers
from relay.mail.shape import Protection, shape_of

CORPUS = sorted((Path(__file__).parents[2] / "hostile_corpus").glob("*.eml"))
SENDER = "medecin@hopital.example"
WORD = b"positive-result"


@dataclass
class Bench:
    known: Known
    relay: Relay
    sink: Sink


@pytest.fixture(scope="module")
def bench(known: Known) -> Iterator[Bench]:
    settings = {"policy": [{"name": "all", "encrypt": "required"}], "refuse_with": "reply"}
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}) as relay:
        known.introduce(relay)
        relay.start()
        yield Bench(known, relay, sink)


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 70


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_no_trick_gets_it_out_in_clear(path: Path, bench: Bench) -> None:
    content = path.read_bytes()
    bench.sink.forget()
    with smtplib.LMTP("127.0.0.1", bench.relay.port, timeout=60) as client:
        client.sendmail(SENDER, [KNOWN], content)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(SENDER, [UNKNOWN], content)
    assert refused.value.smtp_code == 550
    (mail,) = bench.sink.taken
    assert is_encrypted(mail.content)
    assert shape_of(mail.content).protection is Protection.ENCRYPTED
    assert WORD not in mail.content
    payload = bench.known.decrypt(mail.content)
    assert payloads.body(payload) == content[headers.split(content).body_start :]
