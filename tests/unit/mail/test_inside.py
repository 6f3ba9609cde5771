from __future__ import annotations

from email import message_from_bytes

import pytest

from relay.mail import headers, opened_content
from relay.mail.headers import Head
from relay.mail.incoming_shape import Encrypted
from relay.mail.opened_content import Inside
from relay.model.opened import Reason

MIME, INLINE = Encrypted(b""), Encrypted(b"", inline=True)
OUTER = headers.split(
    b"Received: from x\r\nFrom: a@b.example\r\nSubject: [...]\r\nReply-To: eve@evil.example\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/encrypted; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\nX-Own: 1\r\n\r\n"
)


def read(content: bytes, form: Encrypted = MIME, outer: Head = OUTER) -> Inside:
    found = opened_content.read(content, form, outer)
    assert isinstance(found, Inside)
    return found


def rebuilt(content: bytes, form: Encrypted = MIME, *, answers: bool = False) -> bytes:
    found = read(content, form)
    fields = opened_content.opened_fields(OUTER.fields, found, answers=answers)
    return b"".join(one.line for one in fields) + b"\r\n" + bytes(found.body)


@pytest.mark.parametrize(
    ("mark", "taken"),
    [
        (b'; protected-headers="v1"', True),
        (b"; protected-headers=v1", True),
        (b'; hp="cipher"', True),
        (b"; hp=clear", True),
        (b'; HP="CIPHER"; charset=utf-8', True),
        (b"", False),
        (b'; protected-headers="v2"', False),
        (b'; hp="other"', False),
        (b"; x-hp=cipher", False),
        (b"; hp=cipher; hp=clear", False),
    ],
)
def test_the_subject_is_taken_from_a_protected_header_alone(mark: bytes, taken: bool) -> None:
    mail = message_from_bytes(rebuilt(b"Content-Type: text/plain" + mark + b"\r\nSubject: inside\r\n\r\nx\r\n"))

    assert mail.get_all("Subject") == (["inside"] if taken else ["[...]"])


def test_of_several_subjects_none_is_taken() -> None:
    content = b"Content-Type: text/plain; hp=cipher\r\nSubject: one\r\nSubject: two\r\n\r\nx\r\n"
    assert message_from_bytes(rebuilt(content)).get_all("Subject") == ["[...]"]


def test_only_content_fields_and_the_subject_are_taken() -> None:
    evil = b"".join(
        b"%b: evil\r\n" % name
        for name in (
            b"Received",
            b"Authentication-Results",
            b"X-PGP-Relay",
            b"To",
            b"Date",
            b"Message-ID",
            b"Bcc",
            b"X-Y",
        )
    )
    content = (
        b"Content-Type: text/html; hp=cipher\r\nContent-Language: fr\r\n" + evil + b"MIME-Version: 2\r\n\r\n<p>\r\n"
    )
    mail = rebuilt(content)

    assert b"evil\r\n" not in mail
    read_ = message_from_bytes(mail)
    assert read_.keys() == ["Received", "From", "Subject", "X-Own", "MIME-Version", "Content-Type", "Content-Language"]
    assert (read_["MIME-Version"], read_.get_payload()) == ("1.0", "<p>\r\n")


def test_answers_go_where_they_went_only_when_asked() -> None:
    content = b"Content-Type: text/plain\r\n\r\nx\r\n"
    assert b"evil.example" not in rebuilt(content)
    assert b"Reply-To: eve@evil.example" in rebuilt(content, answers=True)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends_become_crlf(end: bytes) -> None:
    content = end.join([b"Content-Type: text/plain; hp=cipher", b"Subject: a", b" b", b"", b"one", b"", b"two", b""])
    mail = rebuilt(content)
    assert mail.endswith(b"\r\n\r\none\r\n\r\ntwo\r\n")
    assert not headers.faulty(mail)
    assert message_from_bytes(mail)["Subject"] == "a\r\n b"


def test_what_cannot_be_sent_on_stays_closed() -> None:
    assert opened_content.read(b"Content-Type: text/plain\r\n\r\na\0b", MIME, OUTER) is Reason.DAMAGED
    assert opened_content.read(b"X: y\r\n" * 200_000, MIME, OUTER) is Reason.DAMAGED


def test_a_subject_inside_cannot_break_the_header() -> None:
    for subject in (b"a\x1b[31m", "é".encode(), b"x" * 5000, b"\xff\xfe", b"a\x0bb"):
        mail = rebuilt(b"Content-Type: text/plain; hp=cipher\r\nSubject: " + subject + b"\r\n\r\nx\r\n")
        head = headers.split(mail)
        assert [one.name for one in head.fields].count("subject") == 1
        (field,) = headers.all(head, "subject")
        assert field.raw.isascii()
        assert field.raw.replace(b"\r\n", b"").replace(b"\t", b" ").decode().isprintable()
        assert max(map(len, field.raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("content", "named", "charset", "encoding"),
    [
        (b"plain\n", b"", "utf-8", "7bit"),
        (b"plain\n", b"us-ascii", "us-ascii", "7bit"),
        ("accentué\n".encode(), b"iso-8859-1", "utf-8", "8bit"),
        ("accentué\n".encode("latin-1"), b"iso-8859-1", "iso-8859-1", "8bit"),
        (b"x" * 2000 + b"\n\nshort\n", b"", "utf-8", "quoted-printable"),
        (b"plain\n", b'x"; y', "utf-8", "7bit"),
    ],
)
def test_a_text_that_was_encrypted_in_line(content: bytes, named: bytes, charset: str, encoding: str) -> None:
    mail = message_from_bytes(rebuilt(content, Encrypted(b"", inline=True, charset=named)))

    assert mail.get_content_charset() == charset
    assert mail["Content-Transfer-Encoding"] == encoding
    assert mail.get_payload(decode=True) == content.replace(b"\n", b"\r\n")
    assert mail["Subject"] == "[...]"


def test_a_header_within_a_text_is_text() -> None:
    mail = rebuilt(b"Subject: inside\nFrom: eve@evil.example\n\nx\n", INLINE)
    assert mail.endswith(b"\r\n\r\nSubject: inside\r\nFrom: eve@evil.example\r\n\r\nx\r\n")


def test_without_a_header_inside_it_is_a_plain_text() -> None:
    mail = rebuilt(b"\r\nhello\r\n")
    assert mail.endswith(b"MIME-Version: 1.0\r\n\r\nhello\r\n")
    assert message_from_bytes(mail).get_content_type() == "text/plain"


def test_encrypted_again_is_mixed() -> None:
    again = b"Content-Type: multipart/encrypted; boundary=c\r\n\r\n--c--\r\n"
    assert opened_content.read(again, MIME, OUTER) is Reason.MIXED
    block = b"\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n=\r\n-----END PGP MESSAGE-----\r\n"
    assert opened_content.read(block, MIME, OUTER) is Reason.MIXED
