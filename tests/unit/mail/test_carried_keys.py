"""Which keys a mail carries: Autocrypt, attached, in the text; in the forms of mail programs, and in odd ones."""

from __future__ import annotations

from base64 import b64encode

import pytest
from lab.certificates import Keypair, make_keypair
from lab.corpus import CORPUS, needs_corpus

from relay.mail import armor, carried_keys, headers, packets
from relay.mail.carried_keys import Fault
from relay.model import Address

BOB = Address("bob@ville.example")
BEGIN = b"From: Bob <bob@ville.example>\r\nMIME-Version: 1.0\r\n"


@pytest.fixture(scope="module")
def key() -> Keypair:
    return make_keypair("Bob <bob@ville.example>")


def folded(text: bytes, width: int, by: bytes) -> bytes:
    return by.join(text[at : at + width] for at in range(0, len(text), width))


def armored(data: bytes) -> bytes:
    return armor.enarmor(data, "PUBLIC KEY BLOCK")


def of_header(*fields: bytes) -> bytes | Fault | None:
    return carried_keys.of_header(headers.split(BEGIN + b"".join(one + b"\r\n" for one in fields) + b"\r\n"), BOB)


def mixed(kind: bytes, data: bytes, more: bytes = b"") -> bytes:
    return (
        BEGIN + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nBonjour\r\n'
        b"--b\r\n" + kind + b"\r\n" + more + b"\r\n" + data + b"\r\n--b--\r\n"
    )


def test_the_field_of_delta_chat(key: Keypair) -> None:
    digits = folded(b64encode(key.public), 78, b"\r\n\t")
    assert of_header(b"Autocrypt: addr=bob@ville.example; prefer-encrypt=mutual;\r\n\tkeydata=" + digits) == key.public


def test_an_attribute_that_is_not_critical_changes_nothing(key: Keypair) -> None:
    line = b"Autocrypt: addr=Bob@Ville.Example; _software=x; keydata=" + folded(b64encode(key.public), 76, b"\r\n  ")
    assert of_header(line) == key.public


def test_a_mail_without_the_field_has_none() -> None:
    assert of_header(b"Subject: Autocrypt: addr=bob@ville.example") is None


def test_of_two_fields_none_counts(key: Keypair) -> None:
    line = b"Autocrypt: addr=bob@ville.example; keydata=" + b64encode(key.public)
    assert of_header(line, line) is Fault.SEVERAL


def test_a_field_for_another_address_gives_nothing(key: Keypair) -> None:
    line = b"Autocrypt: addr=eve@ville.example; keydata=" + b64encode(key.public)
    assert of_header(line) is Fault.OTHER_ADDRESS


@pytest.mark.parametrize(
    "odd",
    [
        b"addr=bob@ville.example; keydata=%b; new-and-critical=1",
        b"addr=bob@ville.example; addr=bob@ville.example; keydata=%b",
        b"addr=bob@ville.example; keydata=%b%%",
        b"addr=bob@ville.example; keydata=A%b",
        b"addr=bob@ville.example; keydata=",
        b"addr=bob@ville.example; keydata=aGVsbG8=",
        b"",
    ],
)
def test_a_field_that_is_none_of_level_1_gives_nothing(key: Keypair, odd: bytes) -> None:
    digits = b64encode(key.public)
    line = odd.replace(b"%%", b"!").replace(b"%b", digits)
    assert of_header(b"Autocrypt: " + line) is Fault.UNREADABLE


def test_two_keys_in_one_field_are_none(key: Keypair) -> None:
    digits = b64encode(key.public + make_keypair("Bob <bob@ville.example>").public)
    assert of_header(b"Autocrypt: addr=bob@ville.example; keydata=" + digits) is Fault.UNREADABLE


ATTACHED = [
    ((b'Content-Type: application/pgp-keys; name="OpenPGP_0x0011223344556677.asc"\r\n'
     b'Content-Disposition: attachment; filename="OpenPGP_0x0011223344556677.asc"\r\n'
     b"Content-Description: OpenPGP public key\r\nContent-Transfer-Encoding: quoted-printable"), "thunderbird"),
    ((b'Content-Type: application/pgp-keys; name="publickey - bob@ville.example - 0xC0FFEE00.asc"\r\n'
     b'Content-Disposition: attachment; filename="publickey - bob@ville.example - 0xC0FFEE00.asc"\r\n'
     b"Content-Transfer-Encoding: base64"), "proton"),
    ((b'Content-Type: application/octet-stream; name="0xC0FFEE00.asc"\r\n'
     b'Content-Disposition: attachment; filename="0xC0FFEE00.asc"\r\nContent-Transfer-Encoding: base64'), "mailvelope"),
    (b"Content-Type: application/pgp-keys\r\nContent-Description: PGP Key 0x0011223344556677.", "mutt and GnuPG"),
    ((b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n"
     b" filename*=UTF-8''cl%C3%A9%2Easc\r\nContent-Transfer-Encoding: base64"), "RFC 2231"),
    ((b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
     b'Content-Disposition: attachment; filename="=?utf-8?q?cl=C3=A9=2Easc?="'), "RFC 2047"),
    (b"Content-Type: text/plain; charset=us-ascii", "GnuPG, in the text"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "who"), ATTACHED)
def test_what_mail_programs_attach_is_read(key: Keypair, kind: bytes, who: str) -> None:
    data = armored(key.public)
    if b"base64" in kind:
        data = folded(b64encode(data), 76, b"\r\n")
    elif b"quoted-printable" in kind:
        data = data.replace(b"=", b"=3D")
    assert carried_keys.of_body(mixed(kind, data)) == (key.public,), who


def test_a_binary_key_is_read(key: Keypair) -> None:
    kind = b"Content-Type: application/pgp-keys\r\nContent-Transfer-Encoding: base64"
    assert carried_keys.of_body(mixed(kind, b64encode(key.public))) == (key.public,)


def test_a_block_among_words_is_read_each_key_once(key: Keypair) -> None:
    text = b"Voici ma cl\xe9 :\r\n\r\n" + armored(key.public) + b"\r\n--\r\nBob\r\n" + armored(key.public)
    assert carried_keys.of_body(BEGIN + b"\r\n" + text) == (key.public,)


def test_a_quoted_block_is_not_read(key: Keypair) -> None:
    quoted = b"".join(b"> " + line for line in armored(key.public).splitlines(keepends=True))
    assert carried_keys.of_body(BEGIN + b"\r\n" + quoted) == ()


def test_the_attachment_of_a_forwarded_mail_is_not_read(key: Keypair) -> None:
    inner = mixed(b"Content-Type: application/pgp-keys", armored(key.public))
    whole = BEGIN + b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n"
    assert carried_keys.of_body(whole + inner + b"\r\n--o--\r\n") == ()


def test_secret_keys_messages_and_signatures_are_no_keys(key: Keypair) -> None:
    for kind, data in [
        ("PRIVATE KEY BLOCK", key.secret),
        ("PUBLIC KEY BLOCK", key.secret),
        ("MESSAGE", key.public),
        ("SIGNATURE", key.public),
    ]:
        assert carried_keys.of_body(mixed(b"Content-Type: application/pgp-keys", armor.enarmor(data, kind))) == ()


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_what_is_cut_off_is_none(key: Keypair, cut: int) -> None:
    kind = b"Content-Type: application/pgp-keys\r\nContent-Transfer-Encoding: base64"
    assert carried_keys.of_body(mixed(kind, b64encode(key.public[:-cut]))) == ()


def test_numbers_and_sizes_are_bounded(key: Keypair) -> None:
    several = [make_keypair(f"Bob {n} <bob@ville.example>").public for n in range(carried_keys.MOST_KEYS + 3)]
    text = b"".join(map(armored, several))
    assert carried_keys.of_body(BEGIN + b"\r\n" + text) == tuple(several[: carried_keys.MOST_KEYS])
    padded = b"\xcd\xff" + (carried_keys.MOST_OCTETS).to_bytes(4, "big") + b"x" * carried_keys.MOST_OCTETS
    assert carried_keys.of_body(BEGIN + b"\r\n" + armored(key.public + padded)) == ()
    for more, count in ((b"\xcd\x03a@b" * (carried_keys.MOST_USER_IDS - 1), 1), (b"\xcd\x03a@b" * 100, 0)):
        assert len(carried_keys.of_body(BEGIN + b"\r\n" + armored(key.public + more))) == count


@needs_corpus
def test_the_fields_of_real_delta_chats_are_read() -> None:
    read = 0
    for file in sorted((CORPUS / "chatmail").glob("*.eml")):
        mail = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        head = headers.split(mail.replace(b"{from_addr}", BOB.text.encode()))
        if headers.first(head, "autocrypt"):
            found = carried_keys.of_header(head, BOB)
            assert isinstance(found, bytes), (file.name, found)
            read += 1
    assert read == 4


@needs_corpus
def test_of_real_mails_that_nobody_wrote_for_us_all_are_read_and_what_comes_out_are_keys() -> None:
    for file in sorted(CORPUS.rglob("*.eml")):
        for key in carried_keys.of_body(file.read_bytes()):
            assert packets.split_certificates(key) == [key]
