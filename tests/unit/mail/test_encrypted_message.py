from __future__ import annotations

import pytest

from relay.mail import packets
from relay.mail.encrypted_message import EncryptedMessage, read
from relay.mail.packets import packet
from relay.model.opened import Reason

DOCTOR = "0123456789ABCDEF"
HIDDEN = "0" * 16
SEIPD = packet(packets.SEIPD, b"\1" + bytes(40))


def pkesk(key_id: str) -> bytes:
    return packet(packets.PKESK, b"\3" + bytes.fromhex(key_id) + b"\x12" + bytes(40))


def test_session_keys_and_one_protected_packet() -> None:
    skesk = packet(packets.SKESK, b"\4\x09\0\x08")
    marker = packet(packets.MARKER, b"PGP")
    found = read(marker + pkesk(DOCTOR) + skesk + pkesk(HIDDEN) + SEIPD)

    assert isinstance(found, EncryptedMessage)
    assert found.key_ids == {DOCTOR}
    assert found.hidden
    assert found.octets[found.data.body_start] == 1


def test_a_session_key_of_an_unknown_version_is_nobodys() -> None:
    found = read(packet(packets.PKESK, b"\x09" + bytes(40)) + pkesk(DOCTOR) + SEIPD)
    assert isinstance(found, EncryptedMessage)
    assert [key_id for key_id, _ in found.session_keys] == [DOCTOR]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        pytest.param(pkesk(DOCTOR) + packet(packets.SED, bytes(40)), Reason.NO_INTEGRITY, id="no integrity packet"),
        pytest.param(pkesk(DOCTOR) + packet(packets.AEAD, b"\1" + bytes(40)), Reason.DAMAGED, id="GnuPG's packet 20"),
        pytest.param(pkesk(DOCTOR) + SEIPD + SEIPD, Reason.DAMAGED, id="two encrypted packets"),
        pytest.param((pkesk(DOCTOR) + SEIPD) * 2, Reason.DAMAGED, id="two messages"),
        pytest.param(pkesk(DOCTOR) + SEIPD + packet(11, b"b\0\0\0\0\0clear"), Reason.DAMAGED, id="clear text behind"),
        pytest.param(packet(11, b"b\0\0\0\0\0clear") + SEIPD, Reason.DAMAGED, id="clear text in front"),
        pytest.param(pkesk(DOCTOR) + SEIPD + packet(packets.MARKER, b"PGP"), Reason.DAMAGED, id="a marker behind"),
        pytest.param(pkesk(DOCTOR) + SEIPD + b"\r\n", Reason.DAMAGED, id="garbage behind"),
        pytest.param((pkesk(DOCTOR) + SEIPD)[:-1], Reason.DAMAGED, id="cut off"),
        pytest.param(pkesk(DOCTOR), Reason.DAMAGED, id="no data"),
        pytest.param(pkesk(DOCTOR) + packet(packets.SEIPD, b""), Reason.DAMAGED, id="empty"),
        pytest.param(pkesk(DOCTOR) + packet(packets.SEIPD, b"\3" + bytes(40)), Reason.DAMAGED, id="version 3"),
        pytest.param(b"", Reason.DAMAGED, id="nothing"),
        pytest.param(pkesk(DOCTOR) * 10_001 + SEIPD, Reason.DAMAGED, id="too many session keys"),
    ],
)
def test_what_stays_closed(octets: bytes, reason: Reason) -> None:
    assert read(octets) is reason
