"""What a mail is costs a bounded time to find out, whatever stands in it: bounds hold for each element."""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

import pytest
from lab.ciphertexts import for_
from lab.disguises import HEAD, PKESK, SEIPD, ber, enveloped, inline, oid, pgp_mime, rsa, s_mime, seipd, x25519
from lab.timed import quickest

from relay.mail.armor import enarmor
from relay.mail.packets import packet
from relay.mail.shape import Protection, shape_of
from relay.process.pool import LARGE

CHANCE = Random(10)  # noqa: S311  not for secrets
MIB = 1 << 20
KEY = x25519(CHANCE)
MESSAGE = for_("5D1C0E8A93B7F264")


def partial(size: int, chunk: int = 9) -> bytes:
    """Encrypted data in partial lengths of 2^chunk octets each."""
    octets = CHANCE.randbytes(1 << chunk)
    one = bytes((0xE0 | chunk,)) + octets
    return b"\xd2" + one * (size // len(one)) + b"\x01x"


def parts(count: int, one: bytes) -> bytes:
    body = b"".join(b"--m\r\n%b\r\n" % (one.replace(b"%", b"%d" % number)) for number in range(count))
    return HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n" + body + b"--m--\r\n"


def of_size(size: int) -> dict[str, Callable[[], bytes]]:
    """Mails of about so many octets, each of which is made of as many elements as may be."""
    text = b"Content-Type: text/plain\r\n\r\n"
    body = size * 3 // 4
    recipient = ber(0x30, b"\x02\x01\0", ber(0x80, b"x" * 20), ber(0x30, oid("2a864886f70d010101")), ber(4, b"y" * 24))
    return {
        "partial lengths of one octet": lambda: inline(KEY + partial(body, 0)),
        "partial lengths": lambda: inline(KEY + partial(body)),
        "session keys": lambda: inline(KEY * (body // len(KEY))),
        "different session keys": lambda: inline(
            b"".join(rsa(CHANCE) for _ in range(min(body // 270, 9_000))) + seipd(CHANCE)
        ),
        "session keys of nothing": lambda: inline(packet(PKESK, b"") * (body // 6)),
        "empty packets": lambda: inline(packet(SEIPD, b"") * (body // 6)),
        "noise": lambda: inline(KEY + seipd(CHANCE, size=body)),
        "text": lambda: inline(KEY + seipd(CHANCE, b"The result is positive. " * (body // 24))),
        "text amid noise": lambda: inline(
            KEY
            + seipd(
                CHANCE, (CHANCE.randbytes(60) + b"The patient has been told of it today by telephone. ") * (body // 112)
            )
        ),
        "elements": lambda: s_mime(ber(0x30, b"\x05\x00" * (body // 2))),
        "elements of elements": lambda: s_mime(b"\x30\x80" * (body // 2)),
        "elements without an end": lambda: s_mime(b"\x30\x80" + b"\x24\x80\0\0" * (body // 4)),
        "pieces": lambda: s_mime(enveloped(CHANCE, content=CHANCE.randbytes(body * 2 // 3), pieces=4)),
        "recipients": lambda: s_mime(enveloped(CHANCE, recipient=recipient * (body // len(recipient)))),
        "armors": lambda: parts(size // (len(MESSAGE) * 2), text + enarmor(MESSAGE, "MESSAGE")),
        "parts": lambda: parts(
            min(size // 20, 999), b"Content-Type: application/octet-stream\r\n\r\n" + b"A" * (size // 1_500)
        ),
        "Content-IDs": lambda: parts(
            min(size // 250, 999), b"Content-ID: <%seropositif.patient.%@x>\r\n" + text + enarmor(MESSAGE, "MESSAGE")
        ),
        "descriptions": lambda: parts(min(size // 450, 999), b"Content-Description: " + b"a " * 190 + b"\r\n" + text),
        "lines of one digit": lambda: (
            HEAD + b"Content-Type: application/pkcs7-mime\r\n" + CODED + b"A\r\n" * (size // 3)
        ),
        "empty lines": lambda: HEAD + b"Content-Type: application/pkcs7-mime\r\n" + CODED + b"\r\n" * (size // 2),
        "soft line ends": lambda: (
            HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * (size // 3)
        ),
        "equals signs": lambda: (
            HEAD
            + b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            + b"=  " * (size // 3)
        ),
        "armor headers": lambda: HEAD + b"\r\n-----BEGIN PGP MESSAGE-----\r\n" + b"Version: 1\r\n" * (size // 12),
        "boundaries": lambda: pgp_mime(MESSAGE, armor=b"--bb\r\n" * (size // 6)),
    }


CODED = b"Content-Transfer-Encoding: base64\r\n\r\n"


def seconds(mail: bytes) -> float:
    return quickest(lambda: shape_of(mail))


@pytest.mark.parametrize("name", of_size(0))
def test_a_mail_that_is_read_in_the_event_loop_is_read_at_once(name: str) -> None:
    """Mails of 128 KB and more are read by another process."""
    assert seconds(of_size(LARGE - 2_000)[name]()) < 0.3


@pytest.mark.parametrize("name", of_size(0))
def test_a_mail_of_8_mib_takes_no_longer_than_its_octets_demand(name: str) -> None:
    """Partial lengths of one octet took tens of seconds."""
    assert seconds(of_size(8 * MIB)[name]()) < 2.5


def test_base64_that_is_no_base64_raises_nothing() -> None:
    for text in (b"", b"=", b"====", b"A", b"\r\n", b"A\r\n\r\n", b"\xff" * 100, base64.b64encode(b"x") + b"="):
        assert shape_of(HEAD + b"Content-Type: application/pkcs7-mime\r\n" + CODED + text).protection is Protection.NONE
