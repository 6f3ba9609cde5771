"""What opens incoming mail is out of order: the mail waits, and opens as soon as that is mended. Never "no key"."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from lab.gnupghome import mute_agent, stop_agent
from lab.hospital import BOB, DR, Correspondent, Hospital, inside, mark, outer, pgp_mime

BODY = b"Confidential result\r\n"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with Hospital("gnupg", {"deadlines": {"gpg": "2s"}}) as made:
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
    with mute_agent(hospital.relay.folder / "keyring"):
        waits(hospital, mail)
    opens(hospital, mail)


@contextmanager
def agent_that_says(home: Path, *answers: bytes) -> Iterator[None]:
    """In the place of the home's agent: one line for each that comes."""
    stop_agent(home)
    place = home / "S.gpg-agent"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

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
            place.unlink()


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
