"""multipart/signed: what a reader takes out of it is what was signed, or it does not leave."""

from __future__ import annotations

import email
import email.policy

import pytest
from lab.mime import octets, parts

from relay.mail import clear_signed, headers
from relay.mail.armor import dearmor
from relay.model.errors import NotSigned

SIGNATURE = b"\xc2\x0a\x04\x00\x16\x0a" + bytes(6)
HEAD = headers.split(b"From: a@b.c\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\nX-Other: y\r\n\r\n")
ENTITY = b"Content-Type: text/html\r\n\r\n<p>x</p>\r\n"


def test_a_reader_finds_the_entity_and_the_signature() -> None:
    message = clear_signed.signed(HEAD.fields, ENTITY, SIGNATURE, received=b"Received: by us\r\n")
    clear_signed.verify(message, ENTITY, SIGNATURE)
    read = email.message_from_bytes(message, policy=email.policy.SMTP)
    assert read.get_content_type() == "multipart/signed"
    assert (read.get_param("protocol"), read.get_param("micalg")) == ("application/pgp-signature", "pgp-sha512")
    assert [name for name, _ in read.items()] == [
        "Received", "From", "Subject", "X-Other", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    first, second = parts(read)
    assert first.as_bytes() == ENTITY
    assert second.get_content_type() == "application/pgp-signature"
    assert dearmor(octets(second))[0].data == SIGNATURE


@pytest.mark.parametrize("entity", [b"\r\n", b"\r\nno end of line", b"Content-Type: text/plain\r\n\r\n\r\n\r\n"])
def test_any_entity_comes_out_to_the_octet(entity: bytes) -> None:
    message = clear_signed.signed(HEAD.fields, entity, SIGNATURE, received=b"")
    clear_signed.verify(message, entity, SIGNATURE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<p>x</p>", b"<p>y</p>"),
        (b"text/html\r\n\r\n", b"text/html\r\n"),
        (b"multipart/signed", b"multipart/mixed"),
        (b"\r\n--=_", b"\r\n-=_"),
        (b"BEGIN PGP SIGNATURE-----\r\n\r\nw", b"BEGIN PGP SIGNATURE-----\r\n\r\nx"),
        (b"\r\nX-Other: y\r\n", b"\r\n\r\nX-Other: y\r\n"),
        (b"\r\nX-Other: y\r\n", b"\r\nContent-Type: text/plain\r\n"),
        (b"boundary=", b"boundary*="),
        (b'"=_', b'"_='),
    ],
)
def test_what_was_changed_does_not_leave(old: bytes, new: bytes) -> None:
    message = clear_signed.signed(HEAD.fields, ENTITY, SIGNATURE, received=b"")
    assert old in message
    with pytest.raises(NotSigned):
        clear_signed.verify(message.replace(old, new), ENTITY, SIGNATURE)


@pytest.mark.parametrize("line", ["", "\r\n", "--\r\n", "\r\nContent-Type: text/plain\r\n\r\nmore"])
def test_a_boundary_inside_what_was_signed_does_not_leave(line: str) -> None:
    """Chosen at random, it never stands there. If it did, a reader would find other parts."""
    message = clear_signed.signed(HEAD.fields, ENTITY, SIGNATURE, received=b"")
    boundary = message.partition(b'boundary="')[2].partition(b'"')[0]
    entity = b"%b\r\n--%b%b" % (ENTITY, boundary, line.encode())
    with pytest.raises(NotSigned):
        clear_signed.verify(message.replace(ENTITY, entity), entity, SIGNATURE)


@pytest.mark.parametrize(
    ("hash_", "name"), [(8, "sha256"), (9, "sha384"), (10, "sha512"), (11, "sha224"), (99, "sha512")]
)
def test_the_hash_of_the_signature_is_named(hash_: int, name: str) -> None:
    signature = b"\xc2\x0a\x04\x00\x16%c" % hash_ + bytes(6)
    message = clear_signed.signed(HEAD.fields, ENTITY, signature, received=b"")
    assert b"micalg=pgp-%b;" % name.encode() in message
