"""The encrypted mail: its payload, what goes around it, and the check that lets nothing else leave."""

import email
import email.policy
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lab import payloads
from lab.ciphertexts import SEIPD, for_, pkesk
from lab.corpus import needs_corpus, raw, sent

from relay.mail import headers
from relay.mail.armor import dearmor, enarmor
from relay.mail.hidden_recipients import NOBODY
from relay.mail.payload import payload as made
from relay.mail.pgpmime import encrypted, verify
from relay.mail.shape import Protection, shape_of
from relay.model.errors import NotEncrypted

ALICE, BOB, EVE = "A" * 16, "B" * 16, "E" * 16
RECEIVED = b"Received: from a\r\n\tby b; now\r\n"
MAIL = (
    b"Received: from client\r\n"
    b"DKIM-Signature: v=1; b=abc\r\n"
    b"From: Alice <alice@a.example>\r\n"
    b"To: bob@b.example,\r\n carol@c.example\r\n"
    b"Bcc: eve@e.example\r\n"
    b"Subject: =?utf-8?q?R=C3=A9sultat?=\r\n positive\r\n"
    b"Date: Tue, 24 Nov 2026 03:04:05 +0000\r\n"
    b"Message-ID: <1@a.example>\r\n"
    b"Thread-Topic: positive\r\n"
    b"Keywords: positive\r\n"
    b"Comments: positive\r\n"
    b"X-Mailer: positively ours\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain;\r\n charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"Content-Language: fr\r\n"
    b"\r\n"
    b"Body \xc3\xa9\r\n\r\nend"
)
LINES = (
    "Subject: a|subject : b| folded|no field|Bcc: c@d.example|Content-Type: text/plain; hp=clear|Content-Type: nonsense"
    "|Content-Transfer-Encoding: base64|MIME-Version: 1.0|Keywords: k||:|To: a@b.example|HP-Outer: Subject: x|\xff"
)
MESSY = st.lists(st.sampled_from(LINES.encode("latin-1").split(b"|")), max_size=12)


def body_of(content: bytes) -> bytes:
    return content[headers.split(content).body_start :]


def encrypt(content: bytes = MAIL, ciphertext: bytes | None = None, *, protect_subject: bool = True) -> bytes:
    ciphertext = for_(ALICE) if ciphertext is None else ciphertext
    return encrypted(headers.split(content), ciphertext, NOBODY, received=RECEIVED, protect_subject=protect_subject)


def payload(content: bytes, *, protect_subject: bool = True) -> bytes:
    return made(content, NOBODY, protect_subject=protect_subject)


def test_the_payload_of_a_mail() -> None:
    assert payload(MAIL, protect_subject=True) == (
        b'Content-Type: text/plain; protected-headers="v1"; hp="cipher";\r\n charset=utf-8\r\n'
        b"Content-Transfer-Encoding: 8bit\r\n"
        b"Content-Language: fr\r\n"
        b"DKIM-Signature: v=1; b=abc\r\n"
        b"From: Alice <alice@a.example>\r\n"
        b"To: bob@b.example,\r\n carol@c.example\r\n"
        b"Subject: =?utf-8?q?R=C3=A9sultat?=\r\n positive\r\n"
        b"Date: Tue, 24 Nov 2026 03:04:05 +0000\r\n"
        b"Message-ID: <1@a.example>\r\n"
        b"Thread-Topic: positive\r\n"
        b"Keywords: positive\r\n"
        b"Comments: positive\r\n"
        b"X-Mailer: positively ours\r\n"
        b"HP-Outer: From: Alice <alice@a.example>\r\n"
        b"HP-Outer: To: bob@b.example,\r\n carol@c.example\r\n"
        b"HP-Outer: Subject: [...]\r\n"
        b"HP-Outer: Date: Tue, 24 Nov 2026 03:04:05 +0000\r\n"
        b"HP-Outer: Message-ID: <1@a.example>\r\n"
        b"\r\n"
        b"Body \xc3\xa9\r\n\r\nend"
    )


def test_the_encrypted_mail_around_it() -> None:
    message = encrypt()
    boundary = message.split(b'boundary="')[1].split(b'"')[0]
    assert message == (
        RECEIVED + b"Received: from client\r\n"
        b"From: Alice <alice@a.example>\r\n"
        b"To: bob@b.example,\r\n carol@c.example\r\n"
        b"Subject: [...]\r\n"
        b"Date: Tue, 24 Nov 2026 03:04:05 +0000\r\n"
        b"Message-ID: <1@a.example>\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n'
        b'\tboundary="' + boundary + b'"\r\n'
        b"\r\n"
        b"--" + boundary + b"\r\n"
        b"Content-Type: application/pgp-encrypted\r\n"
        b"Content-Description: PGP/MIME version identification\r\n"
        b"\r\n"
        b"Version: 1\r\n"
        b"\r\n"
        b"--" + boundary + b"\r\n"
        b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
        b"Content-Description: OpenPGP encrypted message\r\n"
        b'Content-Disposition: attachment; filename="encrypted.asc"\r\n'
        b"\r\n" + enarmor(for_(ALICE), "MESSAGE") + b"\r\n"
        b"--" + boundary + b"--\r\n"
    )
    assert not headers.faulty(message)


def test_the_subject_alone_stays_outside_where_it_is_not_protected() -> None:
    outer = encrypt(protect_subject=False)
    subject = b"Subject: =?utf-8?q?R=C3=A9sultat?=\r\n positive\r\n"
    assert subject in outer
    assert b"HP-Outer: " + subject in payload(MAIL, protect_subject=False)
    assert outer.count(b"positive") == 1


def test_a_mail_without_subject_gets_none() -> None:
    content = b"From: a@b.example\r\n\r\nhi"
    assert b"ubject" not in encrypt(content)
    assert b"ubject" not in payload(content, protect_subject=True)


def test_several_subjects_are_hidden_by_one() -> None:
    content = b"Subject: one\r\nTo: a\r\nSUBJECT: two\r\n\r\n"
    assert encrypt(content).count(b"Subject: [...]\r\n") == 1
    assert payload(content, protect_subject=True).count(b"HP-Outer: Subject: [...]\r\n") == 1
    assert b"SUBJECT: two" in payload(content, protect_subject=True)
    assert b"two" not in encrypt(content)


def test_a_mail_without_mime_becomes_text_plain_in_a_mime_mail() -> None:
    content = b"From: a@b.example\r\n\r\nhi"
    assert payload(content, protect_subject=True).startswith(
        b'Content-Type: text/plain; protected-headers="v1"; hp="cipher"\r\nFrom: a@b.example\r\n'
    )
    assert encrypt(content).startswith(
        RECEIVED + b"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/enc"
    )


def test_a_malformed_header_block_is_body_from_its_first_bad_line() -> None:
    content = b"Subject: a\r\nthis is no field\r\nTo: b\r\n\r\nbody"
    assert payload(content, protect_subject=True).endswith(b"[...]\r\n\r\nthis is no field\r\nTo: b\r\n\r\nbody")
    assert b"no field" not in encrypt(content)


def test_a_header_that_breaks_off_is_finished() -> None:
    assert payload(b"Subject: a", protect_subject=True).endswith(b"Subject: a\r\nHP-Outer: Subject: [...]\r\n\r\n")
    verify(encrypt(b"X-Mailer: a"), [[ALICE]])


@given(
    st.binary(max_size=300) | MESSY.map(b"\r\n".join) | MESSY.map(b"\r\n".join).map(lambda head: head + b"\r\n\r\nbody")
)
@example(b"\r\n\r\n\r\n")
def test_the_payload_ends_with_the_received_body(content: bytes) -> None:
    for protect in (True, False):
        inside = payload(content, protect_subject=protect)
        head = headers.split(inside)
        assert head.separator
        assert payloads.body(inside) == body_of(content)
        assert not {field.name for field in head.fields} & {"bcc", "resent-bcc", "received"}


@given(MESSY.map(b"\r\n".join).map(lambda head: head + b"\r\n\r\nbody"))
def test_what_is_encrypted_passes_the_check_and_counts_as_encrypted(content: bytes) -> None:
    for protect in (True, False):
        message = encrypt(content, protect_subject=protect)
        verify(message, [[ALICE]], protect_subject=protect)
        assert shape_of(message).protection is Protection.ENCRYPTED


@pytest.mark.parametrize(
    ("key_ids", "recipients"),
    [
        ([ALICE], [[ALICE]]),
        ([ALICE, BOB], [[BOB], [ALICE]]),
        ([ALICE], [[ALICE.lower(), BOB]]),  # one of several subkeys
        ([ALICE, BOB], [[ALICE, BOB]]),  # an engine that uses all subkeys
        ([ALICE], [[ALICE], [ALICE]]),  # two addresses, one certificate
    ],
)
def test_a_mail_encrypted_for_exactly_these(key_ids: list[str], recipients: list[list[str]]) -> None:
    verify(encrypt(ciphertext=for_(*key_ids)), recipients)


@pytest.mark.parametrize(
    ("key_ids", "recipients"),
    [
        ([ALICE, EVE], [[ALICE]]),
        ([EVE], [[ALICE]]),
        ([ALICE], [[ALICE], [BOB]]),
        ([ALICE, ALICE], [[ALICE]]),
        ([ALICE, "0" * 16], [[ALICE]]),
        (["0" * 16], [["0" * 16]]),
        ([ALICE], []),
        ([ALICE], [[ALICE], []]),
        ([], [[ALICE]]),
        ([], []),
    ],
)
def test_a_mail_for_somebody_else_does_not_leave(key_ids: list[str], recipients: list[list[str]]) -> None:
    with pytest.raises(NotEncrypted):
        verify(encrypt(ciphertext=for_(*key_ids)), recipients)


@pytest.mark.parametrize(
    "ciphertext",
    [
        b"",
        b"hello",
        pkesk(ALICE),
        SEIPD,
        for_(ALICE) + SEIPD,
        for_(ALICE) + b"\xcb\x02b\x00",
        SEIPD + pkesk(ALICE),
        pkesk(ALICE) + b"\xc9\x03abc",  # no integrity protection
        pkesk(ALICE) + b"\xd4\x03\x01\x09\x02",  # GnuPG's OCB packet
        pkesk(ALICE) + b"\xc3\x04\x04\x09\x00\x08" + SEIPD,  # a passphrase opens it too
        for_(ALICE)[:-1],
    ],
)
def test_what_is_no_encrypted_message_does_not_leave(ciphertext: bytes) -> None:
    with pytest.raises(NotEncrypted):
        verify(encrypt(ciphertext=ciphertext), [[ALICE]])


def pkesk_6(key_id: str) -> bytes:
    """Of a version 4 key, which it names by its fingerprint (RFC 9580 section 5.1.2)."""
    return b"\xc1\x1a\x06\x15\x04" + bytes(12) + bytes.fromhex(key_id) + b"\x12wr"


SEIPD_2 = b"\xd2\x02\x02\x09"


def test_version_2_encrypted_data_leaves_only_where_all_recipients_take_it() -> None:
    message = encrypt(ciphertext=pkesk_6(ALICE) + pkesk_6(BOB) + SEIPD_2)
    verify(message, [[ALICE], [BOB]], seipd2=True)
    with pytest.raises(NotEncrypted, match="version"):
        verify(message, [[ALICE], [BOB]])


@pytest.mark.parametrize("seipd2", [True, False])
@pytest.mark.parametrize(
    "ciphertext", [pkesk(ALICE) + SEIPD_2, pkesk_6(ALICE) + SEIPD, pkesk(ALICE) + pkesk_6(BOB) + SEIPD_2]
)
def test_session_keys_of_one_version_and_data_of_the_other_do_not_leave(ciphertext: bytes, *, seipd2: bool) -> None:
    with pytest.raises(NotEncrypted, match="version"):
        verify(
            encrypt(ciphertext=ciphertext),
            [[ALICE], *([[BOB]] if bytes.fromhex(BOB) in ciphertext else [])],
            seipd2=seipd2,
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"MIME-Version", b"Bcc: eve@e.example\r\nMIME-Version"),
        (b"MIME-Version", b"Resent-Bcc: eve@e.example\r\nMIME-Version"),
        (b"MIME-Version", b"Content-Transfer-Encoding: 8bit\r\nMIME-Version"),
        (b"MIME-Version", b"Content-Type: text/plain\r\nMIME-Version"),
        (b"multipart/encrypted", b"multipart/mixed"),
        (b"Version: 1\r\n\r\n", b"Version: 1\r\n\r\nBody\r\n"),
        (b"Subject: [...]", b"Subject: positive"),
        (b"Subject: [...]", b"Thread-Topic: positive\r\nSubject: [...]"),
        (b"-----END", b"Body\r\n-----END"),
        (b"--\r\n", b"--\r\nBody\r\n"),
        (b"MIME-Version", b"no field\r\nMIME-Version"),
        (b'asc"\r\n\r\n--', b'asc"\r\n--'),
        (b'"\r\n\r\n--=_', b'"\r\n--=_'),
        (b"-----BEGIN PGP MESSAGE", b"-----BEGIN PGP SIGNATURE"),
    ],
)
def test_a_broken_encrypted_mail_does_not_leave(old: bytes, new: bytes) -> None:
    message = encrypt()
    verify(message, [[ALICE]], protect_subject=True)
    with pytest.raises(NotEncrypted):
        verify(message[::-1].replace(old[::-1], new[::-1], 1)[::-1], [[ALICE]], protect_subject=True)


def test_the_plain_mail_does_not_leave() -> None:
    for message in (b"", MAIL, RECEIVED + MAIL):
        with pytest.raises(NotEncrypted):
            verify(message, [[ALICE]])


@given(st.binary(max_size=400))
def test_random_octets_do_not_leave(message: bytes) -> None:
    with pytest.raises(NotEncrypted):
        verify(message, [[ALICE]])


def test_no_error_holds_a_word_of_the_mail() -> None:
    with pytest.raises(NotEncrypted) as raised:
        verify(encrypt().replace(b"Version: 1", b"secret words"), [[ALICE]])
    assert "secret" not in str(raised.value)


def test_boundaries_are_random_and_cannot_occur_in_armor() -> None:
    first, second = encrypt(), encrypt()
    assert first != second
    assert b'boundary="=_' in first


def test_the_standard_library_reads_the_encrypted_mail_and_its_payload() -> None:
    message = email.message_from_bytes(encrypt(), policy=email.policy.default)
    version, data = message.iter_parts()
    assert message.get_content_type() == "multipart/encrypted"
    assert message["Subject"] == "[...]"
    assert version.get_content_type() == "application/pgp-encrypted"
    assert data.get_filename() == "encrypted.asc"
    assert dearmor(data.get_content())[0].data == for_(ALICE)
    inside = email.message_from_bytes(payload(MAIL, protect_subject=True), policy=email.policy.default)
    assert inside["Subject"] == "Résultat positive"
    assert inside["Content-Type"].params == {"charset": "utf-8", "protected-headers": "v1", "hp": "cipher"}
    assert inside.get_all("HP-Outer") == [
        "From: Alice <alice@a.example>",
        "To: bob@b.example, carol@c.example",
        "Subject: [...]",
        "Date: Tue, 24 Nov 2026 03:04:05 +0000",
        "Message-ID: <1@a.example>",
    ]


@needs_corpus
def test_every_real_mail_is_encrypted_with_its_body_unchanged(
    record_property: Callable[[str, object], None],
) -> None:
    contents = [*sent().values(), *raw().values()]
    assert len(contents) > 500
    wrapped = 0
    for content in contents:
        inside = payload(content, protect_subject=True)
        assert payloads.body(inside) == body_of(content)
        wrapped += payloads.is_wrapped(inside)
        message = encrypt(content)
        verify(message, [[ALICE]], protect_subject=True)
        assert shape_of(message).protection is Protection.ENCRYPTED
    assert not any(headers.faulty(encrypt(content)) for content in sent().values())
    record_property("counted", f"{len(contents)} real mails, {wrapped} of them wrapped")
