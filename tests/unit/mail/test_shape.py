"""What kind of mail it is. "Already encrypted" is told by structure, and a doubt means: not encrypted."""

import base64
import hashlib
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab.corpus import needs_corpus, raw, sent

from relay.mail.armor import enarmor
from relay.mail.shape import Protection, Shape, shape_of

NOISE = hashlib.sha512(b"ciphertext").digest()
KEY_ID = hashlib.sha512(b"key id").digest()[:8]
PKESK = b"\xc1\x54\x03" + KEY_ID + b"\x19" + NOISE[:32] + b"\x29\x09" + NOISE[:40][::-1]  # X25519
SKESK = b"\xc3\x04\x04\x09\x00\x08"
SEIPD = b"\xd2\x41\x01" + NOISE
MESSAGE = PKESK + SEIPD
ARMOR = enarmor(MESSAGE, "MESSAGE")
PLAIN = b"Content-Type: text/plain\r\n\r\n"
DESCRIBED = b"PGP/MIME version identification"
VERSION = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
DATA = b"Content-Type: application/octet-stream\r\n\r\n"
ENVELOPED = bytes.fromhex("06092a864886f70d010703")
AUTH_ENVELOPED = bytes.fromhex("060b2a864886f70d0109100117")
SIGNED = bytes.fromhex("06092a864886f70d010702")
COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")


def pgp_mime(  # noqa: PLR0913  each is one thing that may be wrong
    armor: bytes = ARMOR,
    *,
    preamble: bytes = b"",
    epilogue: bytes = b"",
    version: bytes = VERSION,
    data: bytes = DATA,
    more: bytes = b"",
    protocol: bytes = b"application/pgp-encrypted",
    end: bytes = b"\r\n--b--\r\n",
) -> bytes:
    kind = b'Content-Type: multipart/encrypted; protocol="%b"; boundary=b\r\n\r\n' % protocol
    return (
        b"Subject: x\r\n"
        + kind
        + preamble
        + b"--b\r\n"
        + version
        + b"\r\n--b\r\n"
        + data
        + armor
        + more
        + end
        + epilogue
    )


def multipart(*parts: bytes, kind: bytes = b"mixed", boundary: bytes = b"m") -> bytes:
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    return b"Content-Type: multipart/%b; boundary=%b\r\n\r\n%b--%b--\r\n" % (kind, boundary, body, boundary)


def ber(tag: int, *inside: bytes, indefinite: bool = False) -> bytes:
    content = b"".join(inside)
    if indefinite:
        return bytes([tag, 0x80]) + content + b"\0\0"
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


CA = ber(0x31, ber(0x30, bytes.fromhex("0603550403"), ber(0x13, b"Hospital CA")))
HOLDER = ber(0x30, ber(0x30, CA), ber(0x02, NOISE[:12]))
RSA = ber(0x30, bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")
RECIPIENT = ber(0x30, b"\x02\x01\x00", HOLDER, RSA, ber(0x04, NOISE))


def enveloped(  # noqa: PLR0913  each is one thing that may be wrong
    oid: bytes = ENVELOPED,
    *,
    indefinite: bool = False,
    recipients: tuple[bytes, ...] = (RECIPIENT,),
    cipher: bytes = bytes.fromhex("60864801650304012a"),
    text: bytes = NOISE,
    more: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """ContentInfo, as writers of S/MIME make it; with `indefinite` lengths as they stream it."""
    algorithm = ber(0x30, ber(0x06, cipher), ber(0x04, NOISE[:16]))
    content = ber(0xA0, ber(0x04, text[:30]), ber(0x04, text[30:]), indefinite=True) if indefinite else ber(0x80, text)
    encrypted = ber(0x30, ber(0x06, bytes.fromhex("2a864886f70d010701")), algorithm, content, indefinite=indefinite)
    mac = ber(0x04, NOISE[:16]) if oid == AUTH_ENVELOPED else b""
    inside = ber(0x30, b"\x02\x01\x00", ber(0x31, *recipients), encrypted, mac, more, indefinite=indefinite)
    return ber(0x30, oid, ber(0xA0, inside, indefinite=indefinite), indefinite=indefinite) + behind


def cms(data: bytes, *, smime_type: bytes = b"enveloped-data") -> bytes:
    return (
        b"Content-Type: application/pkcs7-mime; smime-type=%b; name=smime.p7m\r\n" % smime_type
        + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(data).replace(b"\n", b"\r\n")
    )


def protection(content: bytes) -> tuple[Protection, str]:
    shape = shape_of(content)
    return shape.protection, shape.protection_kind


PREAMBLE = b"This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\r\n"


@pytest.mark.parametrize(
    "content",
    [
        pgp_mime(),
        pgp_mime(preamble=PREAMBLE),
        pgp_mime(preamble=b"\r\n \r\n", epilogue=b"\r\n"),
        pgp_mime(enarmor(PKESK * 3 + SKESK + SEIPD, "MESSAGE")),
        pgp_mime(
            ARMOR.replace(
                b"-\r\n\r\n", b"-\r\nVersion: GnuPG v2.0.22 (GNU/Linux)\r\nComment: https://gpgtools.org\r\n\r\n", 1
            )
        ),
        pgp_mime(
            version=b"Content-Type: APPLICATION/PGP-Encrypted\r\nContent-Description: "
            + DESCRIBED
            + b"\r\n\r\nversion:1"
        ),
        pgp_mime(data=DATA.replace(b"\r\n\r\n", b"; name=encrypted.asc\r\nContent-Disposition: inline\r\n\r\n")),
        pgp_mime(
            base64.encodebytes(ARMOR), data=DATA.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        ),
    ],
)
def test_pgp_mime_is_encrypted(content: bytes) -> None:
    assert protection(content) == (Protection.ENCRYPTED, "PGP/MIME")


@pytest.mark.parametrize(
    "content",
    [
        pgp_mime(preamble=b"Dear Bob, the result is positive.\r\n"),
        pgp_mime(preamble=PREAMBLE + b"Dear Bob\r\n"),
        pgp_mime(preamble=b" " * 2000),
        pgp_mime(epilogue=b"Regards"),
        pgp_mime(more=b"Regards\r\n"),
        pgp_mime(b"Dear Bob\r\n" + ARMOR),
        pgp_mime(b"no armor at all"),
        pgp_mime(ARMOR, more=ARMOR),
        pgp_mime(ARMOR.replace(b"-\r\n\r\n", b"-\r\nDear: Bob\r\n\r\n", 1)),
        pgp_mime(
            ARMOR.replace(b"-\r\n\r\n", b"-\r\nComment: " + b"x" * 390 + b"\r\nHash: " + b"x" * 90 + b"\r\n\r\n", 1)
        ),
        pgp_mime(more=b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nDear Bob"),
        pgp_mime(version=VERSION.replace(b"Version: 1", b"Version: 1 Dear Bob")),
        pgp_mime(version=VERSION.replace(b"Version: 1", b"Version: 2")),
        pgp_mime(version=b"Content-Type: text/plain\r\n\r\nVersion: 1\r\n"),
        pgp_mime(version=VERSION.replace(b"\r\n\r\n", b"\r\nX-Note: Dear Bob\r\n\r\n")),
        pgp_mime(version=VERSION.replace(b"\r\n\r\n", b"\r\nDear Bob\r\n\r\n")),
        pgp_mime(data=DATA.replace(b"octet-stream", b"pdf")),
        pgp_mime(data=b"Content-Description: The result is positive\r\n" + DATA),
        pgp_mime(data=DATA.replace(b"\r\n\r\n", b"; name=result-positive.asc\r\n\r\n")),
        pgp_mime(data=DATA.replace(b"\r\n\r\n", b"; note=positive\r\n\r\n")),
        pgp_mime(data=DATA.replace(b"\r\n\r\n", b" (positive)\r\n\r\n")),
        pgp_mime(data=b"Content-Disposition: inline (positive)\r\n" + DATA),
        pgp_mime(data=b"Content-Disposition: attachment; filename=result-positive.asc\r\n" + DATA),
        pgp_mime(data=b"Content-ID: <the result is positive>\r\n" + DATA),
        pgp_mime(ARMOR.replace(b"-\r\n\r\n", b"-\r\nComment: The result is positive\r\n\r\n", 1)),
        pgp_mime(ARMOR.replace(b"-\r\n\r\n", b"-\r\nVersion: GnuPG v2 positive\r\n\r\n", 1)),
        pgp_mime(ARMOR.replace(b"-\r\n\r\n", b"-\r\nComment\r\n\r\n", 1)),
        multipart(b"Content-Description: positive\r\n" + PLAIN + ARMOR),
        multipart(b"X-Note: positive\r\n" + PLAIN + ARMOR),
        b"Content-Type: message/external-body; access-type=x\r\n\r\n" + ARMOR,
        pgp_mime(data=b"Content-Description: " + b"x" * 5000 + b"\r\n" + DATA),
        pgp_mime(data=DATA.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: x-uue\r\n\r\n")),
        pgp_mime(protocol=b"application/pkcs7-mime"),
        pgp_mime(end=b"\r\n"),
        b"Content-Type: text/plain\r\n" + pgp_mime(),
        pgp_mime().replace(b"boundary=b", b"boundary=b; boundary=c"),
        pgp_mime().replace(b"boundary=b", b"boundary=c"),
        multipart(VERSION.replace(b"Version: 1", b"Version: 1 positive"), DATA + ARMOR),
        multipart(VERSION, DATA + b"positive"),
        multipart(VERSION),
        multipart(PLAIN),
    ],
)
def test_pgp_mime_in_which_something_can_be_read_is_not_encrypted(content: bytes) -> None:
    assert protection(content) == (Protection.NONE, "")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        SEIPD,  # no session key
        PKESK,
        PKESK + b"\xcb\x10b\x00\x00\x00\x00\x00hello worl",  # a literal
        b"\xcb\x10b\x00\x00\x00\x00\x00hello worl",
        MESSAGE + SEIPD,
        PKESK + b"\xd2\x01\x01",  # nothing in it
        PKESK + b"\xd2\xc1\x00\x01" + b"The result is positive. It is. ".ljust(447),
        b"\xc1\x0c\x03" + bytes(8) + b"\x12\x00\x00" + SEIPD,  # a session key that is none
        b"\xc1\xc1\x00\x03" + bytes(8) + b"\x01" + b"The result is positive. It is. ".ljust(438) + SEIPD,
        MESSAGE + b"\xcb\x08b\x00\x00\x00\x00\x00hi",  # readable behind the encrypted packet
        MESSAGE + b"hello",
        MESSAGE[:-1],
        PKESK + b"\xd2\x15\x07" + bytes(20),  # an unknown version
        PKESK + b"\xd2\x00",
        b"\xc1\x0c\x09" + bytes(11) + SEIPD,
        b"\xc3\x04\x09\x09\x00\x08" + SEIPD,
        b"\xca\x03PGP" + MESSAGE,  # a marker may say anything
        b"\xc8\x05\x01\x00\x00\x00\x00",  # compressed
        b"\x99\x00\x04\x04\x00\x00\x00",
        PKESK * 10_100 + SEIPD,
        b"\xc1\x4a\x03" + KEY_ID + b"\x12" + NOISE + SEIPD,  # not what ECDH leaves
    ],
)
def test_armor_around_something_else_is_not_encrypted(message: bytes) -> None:
    armor = enarmor(message, "MESSAGE")
    assert protection(pgp_mime(armor)) == (Protection.NONE, "")
    assert protection(b"Subject: x\r\n\r\n" + armor) == (Protection.NONE, "")


@pytest.mark.parametrize("message", [SKESK + SEIPD, PKESK + b"\xd4\x41\x01" + NOISE, PKESK + b"\xc9\x40" + NOISE])
def test_the_other_encrypted_packets(message: bytes) -> None:
    assert protection(pgp_mime(enarmor(message, "MESSAGE")))[0] is Protection.ENCRYPTED


QP = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(ARMOR)
B64 = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: BASE64\r\n\r\n" + base64.encodebytes(ARMOR)


def test_pgp_mime_of_which_exchange_made_multipart_mixed_is_encrypted() -> None:
    named = VERSION.replace(b"\r\n\r\n", b'; name="PGPMIME Versions Identification"\r\n\r\n', 1)
    for content in (multipart(VERSION, DATA + ARMOR), multipart(PLAIN + b"\r\n", named, DATA + ARMOR)):
        assert protection(content) == (Protection.ENCRYPTED, "inline PGP")


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\n" + ARMOR,
        b"Subject: x\r\n\r\n\r\n \r\n" + ARMOR + b"\r\n\r\n",
        QP,
        B64,
        multipart(PLAIN + ARMOR, PLAIN + ARMOR),
        multipart(multipart(PLAIN + ARMOR, QP, kind=b"alternative", boundary=b"inner"), B64),
    ],
)
def test_armor_in_every_leaf_is_encrypted(content: bytes) -> None:
    assert protection(content) == (Protection.ENCRYPTED, "inline PGP")


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\nDear Bob\r\n" + ARMOR,
        b"Subject: x\r\n\r\n" + ARMOR + b"Regards",
        b"Subject: x\r\n\r\n" + ARMOR + ARMOR,
        b"Subject: x\r\n\r\n-----BEGIN PGP MESSAGE-----Dear Bob\r\n" + ARMOR,
        b"Subject: x\r\n\r\n" + ARMOR + b"\r\n" * 4000 + b"Regards",
        b"Subject: x\r\n\r\n" + b"\r\n" * 4000 + ARMOR,
        b"Subject: x\r\nno header\r\n\r\n" + ARMOR,
        b"Subject: x\r\n\r\n-----BEGIN PGP MESSAGE-----\r\nHi!\r\n-----END PGP MESSAGE-----\r\n",
        b"Subject: x\r\n\r\n" + enarmor(MESSAGE, "PUBLIC KEY BLOCK"),
        QP + b"Regards",
        B64 + base64.encodebytes(b"Regards"),
        B64.replace(b"BASE64", b"base64") + b"!!! Regards !!!",
        PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        + ARMOR,
        multipart(PLAIN + ARMOR, PLAIN + b"Regards"),
        multipart(PLAIN + b"Dear Bob", PLAIN + ARMOR),
        multipart(PLAIN + ARMOR).replace(b"\r\n\r\n--m", b"\r\n\r\nDear Bob\r\n--m", 1),
        multipart(PLAIN + ARMOR) + b"Regards",
        multipart(PLAIN + ARMOR).replace(b"--m--", b""),
        multipart(),
        multipart(b"Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\n" + ARMOR),
        multipart(b"X: " + b"y" * 70_000 + b"\r\n" + PLAIN + ARMOR),
        b"Content-Type: text/plain; charset=a; charset=b\r\n\r\n" + ARMOR,
        b"Content-Type: nonsense\r\n\r\n" + ARMOR,
        b"Subject: x\r\n\r\n",
        b"",
    ],
)
def test_one_readable_word_is_not_encrypted(content: bytes) -> None:
    assert protection(content) == (Protection.NONE, "")


TEXT = b"The patient has been told of the result by telephone. " * 20


@pytest.mark.parametrize(
    "data",
    [
        enveloped(behind=b"Dear Bob"),
        enveloped(indefinite=True, behind=b"Dear Bob\0\0"),
        enveloped(indefinite=True)[:-2] + b"Dear Bob\0\0",
        enveloped(recipients=()),
        enveloped(recipients=(ber(0x30, b"nobody"),)),
        enveloped(cipher=bytes.fromhex("2a864886f70d010701")),
        enveloped(cipher=bytes.fromhex("2a864886f70d0302")),  # RC2
        enveloped(text=TEXT),
        enveloped(indefinite=True, text=TEXT),
        enveloped(text=b""),
        enveloped(more=ber(0xA1, b"attributes: " + TEXT)),
        enveloped(AUTH_ENVELOPED, more=ber(0xA2, TEXT)),
        ber(0x30, ENVELOPED, TEXT),
        ber(0x30, ENVELOPED, ber(0xA0, ber(0x04, TEXT))),
        ber(0x30, ENVELOPED, ber(0xA0, ber(0x30, b"\x02\x01\x00", ber(0x31)))),
        b"\x30\x80" * 10_000,
        b"\x30\x80" + b"\x05\x00" * 200_000 + b"\0\0",
        b"\x30\x84\xff\xff\xff\xff" + NOISE,
        b"\x30",
    ],
)
def test_cms_that_is_enveloped_in_name_alone(data: bytes) -> None:
    assert protection(cms(data)) == (Protection.NONE, "")


@pytest.mark.parametrize("oid", [ENVELOPED, AUTH_ENVELOPED])
@pytest.mark.parametrize("indefinite", [False, True])
def test_enveloped_cms_is_encrypted_whatever_it_calls_itself(oid: bytes, *, indefinite: bool) -> None:
    for name in (b"enveloped-data", b"signed-data"):
        content = cms(enveloped(oid, indefinite=indefinite), smime_type=name)
        assert protection(content) == (Protection.ENCRYPTED, "S/MIME")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cms(ber(0x30, SIGNED, NOISE)), (Protection.SIGNED, "S/MIME")),  # says that it is enveloped, and is not
        (cms(ber(0x30, COMPRESSED, NOISE)), (Protection.NONE, "")),
        (cms(enveloped(behind=b"Dear Bob")), (Protection.NONE, "")),
        (cms(enveloped()) + b"!Dear Bob!", (Protection.NONE, "")),
        (cms(enveloped()).replace(b"base64", b"7bit"), (Protection.NONE, "")),
        (multipart(cms(enveloped()), PLAIN + b"Dear Bob"), (Protection.NONE, "")),
        (multipart(cms(enveloped())), (Protection.ENCRYPTED, "S/MIME")),  # as some lists wrap it
    ],
)
def test_cms_is_told_by_its_content_type(content: bytes, expected: tuple[Protection, str]) -> None:
    assert protection(content) == expected


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        (b"application/pgp-signature", "PGP/MIME"),
        (b"application/pkcs7-signature", "S/MIME"),
        (b"application/x-pkcs7-signature", "S/MIME"),
    ],
)
def test_signed_mail(protocol: bytes, kind: str) -> None:
    content = multipart(
        PLAIN + b"hi", b"Content-Type: %b\r\n\r\nx" % protocol, kind=b'signed; protocol="%b"' % protocol
    )
    assert protection(content) == (Protection.SIGNED, kind)


def test_a_cleartext_signature() -> None:
    text = b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\nhi\r\n" + enarmor(b"x", "SIGNATURE")
    assert protection(b"Subject: x\r\n\r\n" + text) == (Protection.SIGNED, "inline PGP")


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        (b"Auto-Submitted: auto-generated", True),
        (b"Auto-Submitted: no", False),
        (b"Auto-Submitted: No (a person)", False),
        (b"Auto-Submitted: auto-replied; owner-email=x", True),
        (b"Precedence: bulk", True),
        (b"Precedence: JUNK", True),
        (b"Precedence: list", True),
        (b"Precedence: first-class", False),
        (b"List-Id: <x.example>", True),
        (b"List-Unsubscribe: <x>", False),
    ],
)
def test_automatic_mail(header: bytes, *, automatic: bool) -> None:
    assert shape_of(header + b"\r\n\r\nhi").automatic is automatic


def test_calendars_and_tnef_are_found_in_any_part_also_of_an_unfinished_multipart() -> None:
    calendar = multipart(multipart(PLAIN, b"Content-Type: text/calendar; method=REQUEST\r\n\r\nx", boundary=b"i"))
    assert shape_of(calendar) == Shape(calendar=True)
    assert shape_of(calendar.replace(b"--m--", b"").replace(b"--i--", b"")) == Shape(calendar=True)
    for part in (
        b"Content-Type: application/ms-tnef\r\n\r\n",
        b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="WINMAIL.DAT"\r\n\r\n',
    ):
        assert shape_of(multipart(PLAIN, part)) == Shape(tnef=True)
    assert shape_of(multipart(PLAIN)) == Shape()
    assert shape_of(multipart(PLAIN + b"see --m\r\nContent-Type: text/calendar\r\n\r\n")) == Shape()


OCTETS = b"Content-Type: application/octet-stream; "
TNEF = Shape(tnef=True)
CALENDAR = Shape(calendar=True)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (OCTETS + b"name=winmail.dat", TNEF),
        (OCTETS + b'name="WINMAIL.DAT"\r\nContent-Disposition: attachment', TNEF),
        (OCTETS + b'name="=?utf-8?Q?winmail=2Edat?="', TNEF),
        (OCTETS + b"name*=utf-8''winmail%2edat", TNEF),
        (b'Content-Disposition: attachment; filename*0="win"; filename*1=mail.dat', TNEF),
        (OCTETS + b"name=winmail.dat; name=winmail.dat", TNEF),
        (b"Content-Type: application/vnd.ms-tnef; name=x; name=y", TNEF),
        (b"Content-Type: application/ics; name=invite.ics", CALENDAR),
        (b"Content-Type: APPLICATION/ICS", CALENDAR),
        (b"Content-Type: text/x-vcalendar", CALENDAR),
        (b"Content-Type: text/calendar; method=REQUEST; charset=utf-8; charset=utf-8", CALENDAR),
        (OCTETS + b"name=mywinmail.dat.pdf", Shape()),
        (b"Content-Type: text/plain; x=text/calendar", Shape()),
        (b"X-Type: application/ms-tnef", Shape()),
    ],
)
def test_tnef_is_told_by_its_name_alone_and_a_calendar_by_each_of_its_types(head: bytes, expected: Shape) -> None:
    assert shape_of(multipart(PLAIN, head + b"\r\n\r\nx")) == expected


def test_nesting_without_end_is_not_followed() -> None:
    content = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000))
    assert shape_of(content) == Shape()
    deep = PLAIN + ARMOR
    for n in range(30):
        deep = multipart(deep, boundary=b"x%d" % n)
    assert protection(deep) == (Protection.NONE, "")


def test_too_many_parts_are_not_encrypted() -> None:
    assert shape_of(multipart(*[PLAIN + ARMOR] * 200)).protection is Protection.ENCRYPTED
    assert protection(multipart(*[PLAIN + ARMOR] * 201)) == (Protection.NONE, "")
    assert protection(multipart(*[PLAIN + ARMOR] * 1100)) == (Protection.NONE, "")
    inner = multipart(*[PLAIN + ARMOR] * 600, boundary=b"i")
    assert protection(multipart(inner, inner)) == (Protection.NONE, "")
    assert shape_of(multipart(PLAIN + b"--mm\r\n" * 20_000)) == Shape()


class Counting(bytes):
    """Content that counts how much of it is copied."""

    copied = 0

    def __getitem__(self, key: object) -> object:  # type: ignore[override]  # counts, whatever the key
        part = super().__getitem__(key)  # type: ignore[call-overload]  # likewise
        Counting.copied += len(part) if isinstance(part, bytes) else 1
        return part


@pytest.mark.parametrize("encoding", [b"7bit", b"base64", b"quoted-printable"])
def test_a_plain_text_costs_no_more_than_its_beginning(encoding: bytes) -> None:
    Counting.copied = 0
    content = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: %b\r\n\r\n" % encoding
    assert shape_of(Counting(content + b"QUFB\r\n" * 1_000_000)) == Shape()
    assert Counting.copied < 20_000


@given(st.binary(max_size=600))
def test_random_octets_are_a_plain_mail(content: bytes) -> None:
    assert shape_of(content).protection is not Protection.ENCRYPTED


@given(st.data())
def test_broken_structures_raise_nothing(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from([pgp_mime(preamble=PREAMBLE), QP, B64, cms(enveloped()), multipart(PLAIN + ARMOR, B64)])
    )
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    shape_of(whole[:start] + data.draw(st.binary(max_size=20)) + whole[stop:])


@settings(max_examples=300)
@given(st.integers(0, 10**9), st.text(alphabet="bfhjlqwz .,!\r\n", min_size=1, max_size=40))
def test_a_word_put_into_the_body_of_pgp_mime_is_never_overlooked(at: int, word: str) -> None:
    content = pgp_mime(preamble=PREAMBLE)
    start = content.index(b"\r\n\r\n") + 4
    at = start + at % (len(content) - start)
    line = b"\r\n" + word.encode() + b"\r\n"
    touched = content[:at] + line + content[at:]
    if shape_of(touched).protection is Protection.ENCRYPTED:
        assert not word.strip(" .,!\r\n")  # in front of the first part nothing but punctuation may stand


EXPECTED = {
    "chatmail/chatmaild_src_chatmaild_tests_mail-data_encrypted.eml": (Protection.ENCRYPTED, "PGP/MIME"),
    "chatmail/chatmaild_src_chatmaild_tests_mail-data_fake-encrypted.eml": (Protection.NONE, ""),
    "chatmail/chatmaild_src_chatmaild_tests_mail-data_literal.eml": (Protection.NONE, ""),
    "chatmail/chatmaild_src_chatmaild_tests_mail-data_asm.eml": (Protection.NONE, ""),
    "protected-headers/pgpmime-sign+enc.eml": (Protection.ENCRYPTED, "PGP/MIME"),
    "protected-headers/pgpmime-signed.eml": (Protection.SIGNED, "PGP/MIME"),
    "protected-headers/smime-sign+enc.eml": (Protection.ENCRYPTED, "S/MIME"),
    "protected-headers/smime-onepart-signed.eml": (Protection.SIGNED, "S/MIME"),
    "protected-headers/smime-multipart-signed.eml": (Protection.SIGNED, "S/MIME"),
    "protected-headers/unfortunately-complex.eml": (Protection.ENCRYPTED, "PGP/MIME"),
}


@needs_corpus
@pytest.mark.parametrize("name", EXPECTED)
def test_real_mails_that_are_or_seem_protected(name: str) -> None:
    assert protection(sent()[name]) == EXPECTED[name]


@needs_corpus
def test_no_other_real_mail_is_taken_for_encrypted() -> None:
    found = {name for name, content in sent().items() if shape_of(content).protection is Protection.ENCRYPTED}
    assert {name for name in found if not name.startswith(("chatmail/", "protected-headers/"))} == set()
    assert len(found) == 10
    for content in raw().values():
        shape_of(content)
