"""What many large mails at once take of the machine's memory is bounded by `memory`; all of them are taken."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from lab.known import KNOWN, Known, is_encrypted
from lab.processes import Family, peak
from lab.relay import PROGRAM, Relay
from lab.sink import Sink

MIB = 1 << 20
SENDER = "medecin@hopital.example"
HEAD = b"From: medecin@hopital.example\r\nTo: known@ville.example\r\nSubject: a large one\r\n\r\n"


@pytest.mark.parametrize(
    ("mails", "size", "memory"),
    [
        (16, 4_000_000, 64 * MIB),
        pytest.param(50, 20_000_000, 512 * MIB, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
def test_many_large_mails_at_once_stay_within_the_memory_and_are_all_taken(
    mails: int, size: int, memory: int, known: Known
) -> None:
    with serving(memory, size + MIB, known) as (relay, sink):
        sending = partial(send, relay.port, HEAD + (b"x" * 76 + b"\r\n") * (size // 78))
        with ThreadPoolExecutor(mails) as clients:
            assert set(clients.map(sending, range(2))) == {250}  # starts the processes for large mails
            with peak(Family(relay.pid, relay.keyring)) as seen:
                answers = list(clients.map(sending, range(mails)))
                while mails > 16 and 452 in answers:  # on a busy machine the last ones wait too long, and come again
                    answers.remove(452)
                    answers += clients.map(sending, range(1))
                assert answers == [250] * mails
        print(f"{mails} mails of {size}: {seen.above / MIB:.0f} MiB above {seen.idle / MIB:.0f}, {seen.looks} looks")
        assert seen.above < memory
        assert len(sink.wait_for(mails + 2)) == mails + 2
        assert all(is_encrypted(taken.content) for taken in sink.taken)


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
def test_one_large_mail_takes_four_and_a_half_times_its_size_at_most(engine: str, known: Known) -> None:
    """Of the resident memory of all processes; the first one starts a process of the pool."""
    with serving(512 * MIB, 32 * MIB, known, engine=engine) as (relay, _):
        sending = partial(send, relay.port, HEAD + (b"x" * 76 + b"\r\n") * 256_000)
        assert sending(0) == 250
        with peak(Family(relay.pid, relay.keyring)) as seen:
            assert sending(0) == 250
        assert seen.above < 4.5 * 256_000 * 78


@contextmanager
def serving(memory: int, largest: int, known: Known, engine: str = "gnupg") -> Iterator[tuple[Relay, Sink]]:
    with Sink() as sink:
        settings = {"memory": memory, "max_message_size": largest, "engine": engine}
        with Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}, scheme="smtp") as relay:
            relay.program = (PROGRAM,)  # a forked program looks like its parent, which `Family` does not count
            known.introduce(relay)
            relay.start()
            yield relay, sink


def send(port: int, content: bytes, _number: int) -> int:
    """The code of the answer to one mail that declares its size."""
    with smtplib.SMTP("127.0.0.1", port, timeout=240) as client:
        client.ehlo()
        client.mail(SENDER, [f"SIZE={len(content)}"])
        client.rcpt(KNOWN)
        assert client.docmd("DATA")[0] == 354
        client.send(content + b".\r\n")
        return client.getreply()[0]
