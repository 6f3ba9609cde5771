"""What an engine has written with a password, checked."""

from __future__ import annotations

import pytest

from relay.mail.packets import packet
from relay.model.errors import EngineError
from relay.openpgp.password_message import check

SKESK = bytes((4, 9, 3, 8)) + bytes(8) + b"\xff"
SEIPD = packet(18, b"\x01" + bytes(40))


def test_one_session_key_packet_and_one_encrypted_packet_are_a_message() -> None:
    check(packet(3, SKESK) + SEIPD)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        SEIPD,
        packet(3, SKESK) + SEIPD[:-1],
        packet(3, SKESK) * 2 + SEIPD,
        packet(1, SKESK) + SEIPD,
        packet(3, SKESK) + packet(20, b"\x01" + bytes(40)),
        packet(3, SKESK) + packet(18, b"\x02" + bytes(40)),
        packet(3, b"\x05" + SKESK[1:]) + SEIPD,
        packet(3, SKESK[:1] + b"\x07" + SKESK[2:]) + SEIPD,
        packet(3, SKESK[:2] + b"\x01" + SKESK[3:]) + SEIPD,
        packet(3, SKESK[:-1] + b"\xfe") + SEIPD,
    ],
    ids=["empty", "alone", "cut", "two", "pkesk", "packet-20", "version-2", "skesk-5", "aes-128", "salted", "count"],
)
def test_anything_else_is_none(message: bytes) -> None:
    with pytest.raises(EngineError):
        check(message)
