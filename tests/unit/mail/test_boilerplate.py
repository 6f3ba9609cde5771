"""What programs write around encrypted parts passes, and what people might write there does not."""

from __future__ import annotations

import base64
from email.header import Header
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.ciphertexts import for_
from lab.corpus import CASES, needs_cases
from lab.disguises import HEAD, attached, pgp_mime
from lab.texts import TEXTS

from relay.mail.armor import enarmor
from relay.mail.boilerplate import MAX_TEXT, names_nothing, says_nothing, vocabulary
from relay.mail.shape import Protection, shape_of

MESSAGE = for_("5D1C0E8A93B7F264")
ARMOR = enarmor(MESSAGE, "MESSAGE")
VERSION = b"Content-Type: application/pgp-encrypted\r\n"
DATA = b"Content-Type: application/octet-stream\r\n"


def how(mail: bytes) -> tuple[Protection, str]:
    shape = shape_of(mail)
    return shape.protection, shape.protection_kind


DESCRIPTIONS = [
    "PGP/MIME version identification",
    "PGP/MIME Versions Identification",
    "OpenPGP encrypted message.asc",
    "OpenPGP encrypted message part",
    "This is a digitally encrypted message part",
    "Ceci est une partie de message numériquement chiffrée",
    "Dies ist ein digital verschlüsselter Nachrichtenteil",
    "Questa è una parte del messaggio cifrata digitalmente",
    "Esta parte del mensaje está cifrada digitalmente",
    "Это зашифрованная часть сообщения",
    "Αυτό το μέρος του μηνύματος είναι ψηφιακά υπογεγραμμένο",
    "هذا جزء من رسالة مشفّر رقميًّا",
    "זהו חלק של הודעה מוצפנת דיגיטלית",
    "यह डिजिटल रूप से गुप्त संदेश का हिस्सा है",
    "これはデジタル署名された部分です",
    "这是消息的数字加密部分",
    "นี่คือส่วนข้อความที่เข้ารหัสลับแบบดิจิทัล",
    "Verschlüsselte Nachricht",
    "Message chiffré",
    "version code",
]


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_a_description_that_programs_write_in_their_user_s_language_passes(description: str) -> None:
    encoded = Header(description, "utf-8", maxlinelen=900).encode() if not description.isascii() else description
    for written in (encoded.encode(), description.encode()):
        mail = pgp_mime(MESSAGE, data=DATA + b"Content-Description: %b\r\n" % written)
        assert how(mail) == (Protection.ENCRYPTED, "PGP/MIME")


COMMENTS = [
    "Version: GnuPG v2.0.22 (GNU/Linux)",
    "Version: GnuPG/MacGPG2 v2.0.17 (Darwin)",
    "Version: OpenPGP.js v4.10.10",
    "Version: BCPG C# v1.6.1.0",
    "Version: FlowCrypt Email Encryption 8.3.4",
    "Version: FlowCrypt 5.0.4 Gmail Encryption flowcrypt.com",
    "Version: Encryption Desktop 10.3.2 (Build 15495)",
    "Version: Keybase OpenPGP v2.1.13",
    "Comment: Seamlessly send, receive and search encrypted email",
    "Comment: GPGTools - https://gpgtools.org",
    "Comment: Using GnuPG with Thunderbird - https://www.enigmail.net/",
    "Comment: Using gpg4o v3.4.19.5391 - http://www.gpg4o.de/",
    "Comment: Using GnuPG with Mozilla - http://enigmail.mozdev.org/",
    "Comment: https://keybase.io/download",
    "Comment: https://gopenpgp.org",
    "Charset: utf-8",
    "Charset: windows-1252",
    "charset: ISO-8859-15",
    "MessageID: s5FhAVw0Ol62qGkuCjZ8yTcMRxBnE1D9",
]


@pytest.mark.parametrize("line", COMMENTS)
def test_an_armor_header_that_programs_write_passes(line: str) -> None:
    armor = ARMOR.replace(b"-----\r\n\r\n", b"-----\r\n%b\r\n\r\n" % line.encode(), 1)
    assert how(HEAD + b"\r\n" + armor) == (Protection.ENCRYPTED, "inline PGP")
    assert how(pgp_mime(b"", armor=armor)) == (Protection.ENCRYPTED, "PGP/MIME")


CODED = b"Content-Transfer-Encoding: base64\r\n"
NAMED = b"Content-Disposition: inline; filename*=utf-8''OpenPGP%20encrypted%20message.asc\r\n"


@pytest.mark.parametrize(
    "mail",
    [
        pgp_mime(MESSAGE, version=b"MIME-Version: 1.0\r\n" + VERSION, data=b"MIME-Version: 1.0\r\n" + DATA),
        pgp_mime(
            MESSAGE, version=VERSION + b"Content-Transfer-Encoding: base64\r\n", said=base64.b64encode(b"Version: 1")
        ),
        pgp_mime(
            MESSAGE,
            version=VERSION + b"Content-Transfer-Encoding: base64\r\n",
            said=base64.b64encode(b"Version: 1\r\n"),
        ),
        pgp_mime(MESSAGE, version=VERSION + b"Content-Transfer-Encoding: quoted-printable\r\n", said=b"Version: =31"),
        pgp_mime(
            MESSAGE, preamble=b"This is a MIME-formatted message in PGP format. If you see this text, see RFC 3156.\r\n"
        ),
        pgp_mime(MESSAGE, preamble=b"This is an OpenPGP/MIME encrypted message (RFC 9580 and 3156)\r\n"),
        pgp_mime(
            MESSAGE, data=DATA + b"Content-Disposition: inline; filename*=utf-8''OpenPGP%20encrypted%20message.asc\r\n"
        ),
        pgp_mime(MESSAGE, preamble=b"Ceci est un message en plusieurs parties au format MIME.\r\n"),
        pgp_mime(MESSAGE, preamble=b"Dies ist eine mehrteilige Nachricht im MIME-Format.\r\n"),
        pgp_mime(MESSAGE, data=DATA + b"Content-Language: fr\r\nContent-Length: 1234\r\n"),
        pgp_mime(
            MESSAGE,
            data=DATA + b'Content-Disposition: attachment; filename="encrypted.asc"; size=123;\r\n'
            b' creation-date="Mon, 30 Nov 2026 10:00:00 GMT"\r\n',
        ),
        pgp_mime(MESSAGE, data=DATA + b"Content-ID: <4B1E6F0A7C2D4E58@hopital.example>\r\n"),
        pgp_mime(MESSAGE, boundary=b"----=_NextPart_000_0012_01DA2B3C.4D5E6F70"),
        pgp_mime(MESSAGE, boundary=b"Apple-Mail=_8B1A9953-C461-4E1A-8F0B-12345678ABCD"),
        pgp_mime(MESSAGE, boundary=b"=-tIdGYVstQJghyEDATnJ+"),
        pgp_mime(MESSAGE, boundary=b"nextPart2123456.xyZabcDEFg"),
    ],
)
def test_what_programs_do_to_pgp_mime_passes(mail: bytes) -> None:
    assert how(mail) == (Protection.ENCRYPTED, "PGP/MIME")


@pytest.mark.parametrize(
    "name", [b"message.gpg", b"encrypted.pgp", b"PGPexch.htm.pgp", b"attachment1.pdf.gpg", b"noname"]
)
@pytest.mark.parametrize("kind", [b"application/octet-stream", b"application/pgp-encrypted"])
def test_a_binary_openpgp_file_is_encrypted(name: bytes, kind: bytes) -> None:
    mail = attached(MESSAGE).replace(b"application/octet-stream; name=message.gpg", kind + b"; name=" + name)
    assert how(mail) == (Protection.ENCRYPTED, "OpenPGP file")
    part = mail.partition(b"MIME-Version: 1.0\r\n")[2]
    text = b"Content-Type: text/plain\r\n\r\n" + ARMOR
    both = b"--m\r\n" + text + b"\r\n--m\r\n" + part + b"\r\n--m--\r\n"
    assert how(HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n" + both) == (
        Protection.ENCRYPTED,
        "inline PGP",
    )
    named = both.replace(b"name=" + name, b"name=resultat-positif.gpg")
    assert how(HEAD + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n" + named)[0] is Protection.NONE


@pytest.mark.parametrize(
    "text",
    [*TEXTS.values(), "Jean Martin", "s i d a 2 0 1 9", "VIH+", "a" * (MAX_TEXT + 1), "\u24e5\u24d8\u24d7"],
    ids=lambda text: ascii(text)[:20],
)
def test_what_people_write_says_something(text: str) -> None:
    assert not says_nothing(text)
    assert not names_nothing(text)


@given(st.text(min_size=1))
def test_any_other_word_says_something(text: str) -> None:
    words = "".join(char for char in text if char.isalpha()).casefold()
    if len(words) > 1 and words not in vocabulary():
        assert not says_nothing(f"encrypted {words} message")


def test_the_vocabulary_is_as_texts_are_compared() -> None:
    assert len(vocabulary()) > 500
    assert all(word == word.casefold() for word in vocabulary())


EXPECTED = {"pgpmime-evolution.eml": "PGP/MIME", "pgpmime-version-base64.eml": "PGP/MIME"}


@needs_cases
@pytest.mark.parametrize("path", sorted(CASES.glob("*.eml")), ids=lambda path: path.stem)
def test_inputs_of_public_reports(path: Path) -> None:
    content = path.read_bytes()
    crlf = content if b"\r\n" in content else content.replace(b"\n", b"\r\n")
    expected = EXPECTED.get(path.name, "")
    assert shape_of(crlf).protection_kind == expected or shape_of(crlf).protection is Protection.SIGNED
