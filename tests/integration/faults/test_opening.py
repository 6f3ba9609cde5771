"""What opens incoming mail is out of order: the mail waits, and opens as soon as that is mended. Never "no key"."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from lab.gnupghome import in_place_of_agent, mute_agent, stop_agent
from lab.hospital import BOB, DR, Correspondent, Hospital, inside, mark, outer, pgp_mime

BODY = b"Confidential result\r\n"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with Hospital("gnupg") as made:
        yield made


@pytest.fixture(scope="module")
def mail(hospital: Hospital) -> bytes:
    bob = Correspondent.new(BOB)
    hospital.imports(bob.keys.public)
    return pgp_mime(bob.encrypt(inside(BODY), hospital.certificates[DR]), outer())


def opens(hospital: Hospital, mail: bytes) -> None:
    (taken,) = hospital.take(mail, DR)
    found = mark(taken)
    assert (found["encryption"], found["signature"], taken.body) == ("decrypted", "good", BODY)


def waits(hospital: Hospital, mail: bytes) -> None:
    hospital.sink.forget()
    (answer,) = hospital.send(mail, DR)
    assert answer.startswith("451 4.3.0"), answer
    assert hospital.sink.taken == []


def test_the_agent_has_gone_and_comes_back_by_itself(hospital: Hospital, mail: bytes) -> None:
    opens(hospital, mail)
    stop_agent(hospital.relay.folder / "keyring")
    opens(hospital, mail)


def test_the_agent_hangs(hospital: Hospital, mail: bytes) -> None:
    before = hospital.relay.settings
    hospital.relay.reload({**before, "deadlines": {"gpg": "1s"}})
    with mute_agent(hospital.relay.folder / "keyring"):
        waits(hospital, mail)
    hospital.relay.reload(before)  # what opens has all the time that it needs
    opens(hospital, mail)


@contextmanager
def agent_that_says(home: Path, *answers: bytes) -> Iterator[None]:
    """In the place of the home's agent: one line for each that comes."""
    with in_place_of_agent(home) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, connection.makefile("rwb") as lines:
                        for answer in answers:
                            lines.write(answer + b"\n")
                            lines.flush()
                            lines.readline()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(b"ERR 67141713 Cannot allocate memory <GPG Agent>", id="no memory"),
        pytest.param(b"ERR 67108881 No secret key <GPG Agent>", id="no secret key, it says"),
    ],
)
def test_the_agent_is_out_of_memory_or_of_its_mind(hospital: Hospital, mail: bytes, error: bytes) -> None:
    with agent_that_says(hospital.relay.folder / "keyring", b"OK Pleased to meet you", b"OK", error):
        waits(hospital, mail)
    opens(hospital, mail)
