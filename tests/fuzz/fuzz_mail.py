"""Fuzzes what reads outside octets: header blocks, MIME, armor, OpenPGP packets.

    python tests/fuzz/fuzz_mail.py --seconds 600 --corpus tests/fuzz/corpus

wants atheris (`pip install atheris`; it is no dependency of the tests). New inputs are written into the corpus; an
input that breaks a promise is written into the current folder as `crash-…`. `test_replay.py` runs every
input of the corpus without atheris.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import sys
from pathlib import Path

from relay.errors import NotSealed, OpenPgpError
from relay.mail import armor, headers, packets, pgpmime, shape

RECEIVED = b"Received: from fuzz\r\n\tby fuzz; now\r\n"
RANDOM = hashlib.sha512(b"fuzz").digest()
CIPHERTEXT = b"\xc1\x4a\x03" + b"\xaa" * 8 + b"\x12" + RANDOM + b"\xd2\x41\x01" + RANDOM
DICTIONARY = Path(__file__).with_name("mail.dict")


def check(data: bytes) -> None:
    """Every promise that holds for any octets; an `AssertionError` or any other exception is a bug."""
    headers_are_cut_and_joined(data)
    sealing_keeps_the_body(data)
    packets_tile_the_data(data)
    armor_is_read_or_refused(data)
    assert shape.shape_of(data) == shape.shape_of(data)
    with contextlib.suppress(NotSealed):
        pgpmime.verify(data, [["A" * 16]])


def headers_are_cut_and_joined(data: bytes) -> None:
    head = headers.split(data)
    assert b"".join(field.raw for field in head.fields) + head.separator + data[head.body_start :] == data
    assert all(isinstance(headers.decoded(field), str) for field in head.fields)
    headers.named_recipients(head)
    assert len(headers.message_id(data)) <= headers.MAX_MESSAGE_ID
    assert headers.passed_on(data, RECEIVED).endswith(data[head.body_start :])
    rest = data.replace(b"\r\n", b"")
    assert headers.faulty(data) == any(octet in rest for octet in b"\r\n\0")


def sealing_keeps_the_body(data: bytes) -> None:
    body = data[headers.split(data).body_start :]
    for protect in (True, False):
        inside = pgpmime.payload(data, protect_subject=protect)
        assert inside[headers.split(inside).body_start :] == body
        message = pgpmime.sealed(data, CIPHERTEXT, received=RECEIVED, protect_subject=protect)
        pgpmime.verify(message, [["A" * 16]], protect_subject=protect)
        assert shape.shape_of(message).protection is shape.Protection.ENCRYPTED


def packets_tile_the_data(data: bytes) -> None:
    end = 0
    with contextlib.suppress(OpenPgpError):
        for packet in packets.walk(data):
            assert packet.start == end < packet.body_start <= packet.end <= len(data)
            assert len(packets.body(data, packet)) <= packet.end - packet.body_start
            end = packet.end
        assert end == len(data)
    with contextlib.suppress(OpenPgpError):
        certificates = packets.split_certificates(data)
        assert data.endswith(b"".join(certificates))


def armor_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(OpenPgpError):
        blocks = armor.dearmor(data)
        assert not blocks or armor.is_armored(data)
    assert armor.dearmor(armor.enarmor(data, "MESSAGE")) == [armor.Block("MESSAGE", data)]


def main() -> None:
    """The command."""
    import atheris  # noqa: PLC0415  only who fuzzes has it

    parser = argparse.ArgumentParser(description="fuzz the mail package")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).with_name("corpus"))
    given = parser.parse_args()
    given.corpus.mkdir(parents=True, exist_ok=True)
    atheris.instrument_all()
    limits = [f"-max_total_time={given.seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *limits, f"-dict={DICTIONARY}", str(given.corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
