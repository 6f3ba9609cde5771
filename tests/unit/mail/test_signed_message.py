from __future__ import annotations

import zlib

import pytest

from relay.mail import cleartext_signed, packets
from relay.mail.packets import packet
from relay.mail.signed_message import ALWAYS, SignedMessage, bound, read
from relay.model.opened import Reason

LITERAL = packet(11, b"b\0\0\0\0\0content")
SIGNATURE = packet(packets.SIGNATURE, b"\4\0")
ONE_PASS = packet(4, b"\3\0")
BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
END = b"-----BEGIN PGP SIGNATURE-----\n\nwgIEAA==\n-----END PGP SIGNATURE-----\n"


def compressed(octets: bytes) -> bytes:
    return packet(8, b"\2" + zlib.compress(octets))


@pytest.mark.parametrize(
    ("octets", "signatures"),
    [
        pytest.param(LITERAL, 0, id="a literal packet"),
        pytest.param(ONE_PASS * 2 + LITERAL + SIGNATURE * 2, 2, id="signed by two"),
        pytest.param(SIGNATURE + LITERAL, 1, id="signed as of old"),
        pytest.param(compressed(ONE_PASS + LITERAL + SIGNATURE), 1, id="compressed"),
        pytest.param(ONE_PASS + compressed(LITERAL) + SIGNATURE, 1, id="compressed within"),
        pytest.param(compressed(compressed(LITERAL)), 0, id="compressed twice"),
    ],
)
def test_one_literal_packet_and_its_signatures(octets: bytes, signatures: int) -> None:
    assert read(octets, 1000) == SignedMessage(b"content", (b"\4\0",) * signatures)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        pytest.param(b"", Reason.DAMAGED, id="nothing"),
        pytest.param(LITERAL * 2, Reason.DAMAGED, id="two literals"),
        pytest.param(compressed(LITERAL) * 2, Reason.DAMAGED, id="two literals, compressed"),
        pytest.param(ONE_PASS + LITERAL, Reason.DAMAGED, id="a signature is missing"),
        pytest.param(ONE_PASS + LITERAL + SIGNATURE * 2, Reason.DAMAGED, id="one too many"),
        pytest.param(SIGNATURE * 17 + LITERAL, Reason.DAMAGED, id="many signatures"),
        pytest.param(packet(packets.SEIPD, b"\1") + LITERAL, Reason.MIXED, id="encrypted within"),
        pytest.param(compressed(compressed(compressed(LITERAL))), Reason.TOO_LARGE, id="compressed three times"),
        pytest.param(compressed(LITERAL + bytes(1000)), Reason.TOO_LARGE, id="too large"),
        pytest.param(packet(8, b"\4" + LITERAL), Reason.DAMAGED, id="compressed in an unknown way"),
        pytest.param(packet(8, b"\2" + zlib.compress(LITERAL)[:-5]), Reason.DAMAGED, id="cut off"),
        pytest.param(packet(8, b""), Reason.DAMAGED, id="compressed nothing"),
        pytest.param(packet(11, b"b\x09\0\0\0\0"), Reason.DAMAGED, id="a file name that is cut off"),
        pytest.param(packet(11, b"x\0\0\0\0\0content"), Reason.DAMAGED, id="an unknown format"),
        pytest.param(LITERAL + packet(10, b"PGP") * 200, Reason.DAMAGED, id="too many packets"),
    ],
)
def test_anything_else_is_not_read(octets: bytes, reason: Reason) -> None:
    assert read(octets, 1000) is reason


def test_the_bound_grows_with_what_came_and_ends_at_the_largest_mail() -> None:
    assert bound(1 << 20, 50 << 20) == 10 << 20
    assert bound(6 << 20, 50 << 20) == 50 << 20
    assert bound(10, 50 << 20) == ALWAYS
    assert bound(10, 1000) == 1000


def test_what_was_signed_of_a_text() -> None:
    text = b"R\xc3\xa9sultats \t\r\n- - deux\r\n-\r\n\r\n- -----BEGIN PGP SIGNATURE-----\r\n"
    found = cleartext_signed.read(b" \r\n" + BEGIN + text + END)
    signed = b"R\xc3\xa9sultats\r\n- deux\r\n\r\n\r\n-----BEGIN PGP SIGNATURE-----"
    assert found == SignedMessage(signed, (b"\4\0",))


def test_an_empty_text() -> None:
    for text in (b"", b"\n"):
        assert cleartext_signed.read(BEGIN + text + END) == SignedMessage(b"", (b"\4\0",))


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        pytest.param(b"Hello\n" + BEGIN + b"x\n" + END, Reason.MIXED, id="text in front"),
        pytest.param(BEGIN + b"x\n" + END + b"Bye\n", Reason.MIXED, id="text behind"),
        pytest.param(BEGIN + b"x\n" + END + END, Reason.MIXED, id="two signature blocks"),
        pytest.param(BEGIN + b"x\n" + END + BEGIN + b"y\n" + END, Reason.MIXED, id="two signed texts"),
        pytest.param(BEGIN + b"-x\n" + END, Reason.DAMAGED, id="a dash that is not escaped"),
        pytest.param(BEGIN.replace(b"Hash", b"Comment") + b"x\n" + END, Reason.DAMAGED, id="another header"),
        pytest.param(BEGIN.replace(b"\n\n", b"\n") + b"x\n" + END, Reason.DAMAGED, id="no empty line"),
        pytest.param(BEGIN + b"x\n", Reason.DAMAGED, id="no signature"),
        pytest.param(BEGIN + b"x\n" + END[:40], Reason.DAMAGED, id="a signature that is cut off"),
        pytest.param(b"Hello\n", Reason.DAMAGED, id="no signed text"),
    ],
)
def test_what_does_not_count_as_signed(octets: bytes, reason: Reason) -> None:
    assert cleartext_signed.read(octets) is reason
