"""Mail that was decrypted here is known again, however its mark is written and whatever carries it."""

from __future__ import annotations

import base64
import quopri
import time
import tracemalloc

import pytest
from lab.corpus import needs_corpus, sent
from lab.timed import quickest

from relay.mail import headers
from relay.mail.opened_mark import MAX_DEPTH, MAX_IN_FIELD, Traces, own_identifiers, traces

MARK = "X-PGP-Relay: encryption=decrypted; signature=good; subject=signed; signer=a@b.example; key=ABCD"
INNER = f"From: a@b.example\r\nMessage-ID: <inner@b.example>\r\n{MARK}\r\nSubject: inner\r\n\r\nbody\r\n"


def mail(*lines: str, body: str = "body\r\n") -> bytes:
    return "".join(f"{line}\r\n" for line in ("From: a@b.example", *lines, "")).encode() + body.encode()


@pytest.mark.parametrize(
    "written",
    [
        MARK,
        "x-pgp-relay: ENCRYPTION=DECRYPTED",
        "X-Pgp-Relay : encryption=decrypted",
        "X-PGP-Relay:\r\n encryption=\r\n\tdecrypted; signature=none",
        "X-PGP-Relay: encryption (how) = (so (it) was) decrypted",
        'X-PGP-Relay: encryption="decrypted"',
        "X-PGP-Relay: encryption=decr\r\n ypted",
        "X-PGP-Relay: =?utf-8?q?encryption=3Ddecrypted?=",
        "X-PGP-Relay: =?utf-8?b?ZW5jcnlwdGlvbj1kZWNyeXB0ZWQ=?=",
        "X-PGP-Relay: signature=good; encryption=decrypted; reason=pickup",
        "X-PGP-Relay: encryption=none\r\nX-PGP-Relay: encryption=decrypted",
        "X-PGP-Relay: encryption=none; encryption=decrypted",
        "X-PGP-Relay: encryption=opened",
        "X-PGP-Relay:",
    ],
)
def test_the_mark_is_read_however_it_is_written(written: str) -> None:
    assert traces(mail(written)).marked


@pytest.mark.parametrize(
    "written",
    [
        "Subject: none",
        "X-PGP-Relay: encryption=none; signature=good; subject=unsigned",
        "X-PGP-Relay: encryption=closed; signature=none; subject=unsigned; reason=no-key",
        "X-PGP-Relay: encryption=closed (not decrypted)",
        "X-PGP-Relay-Probe: decrypted",
        "X-PGP-Relay-ID: decrypted",
    ],
)
def test_mail_that_was_not_decrypted_bears_no_mark_that_counts(written: str) -> None:
    assert not traces(mail(written)).marked


def attached(content: bytes, *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in lines)
    return (
        b"From: x@y.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\ntext\r\n--b\r\n" + head.encode() + b"\r\n" + content + b"\r\n--b--\r\n"
    )


def twice(content: bytes) -> bytes:
    return attached(attached(content, "Content-Type: message/rfc822"), "Content-Type: message/rfc822")


CARRIED = {
    "as a message": attached(INNER.encode(), "Content-Type: message/rfc822"),
    "as a message in a message": twice(INNER.encode()),
    "as an encoded message": attached(
        base64.encodebytes(INNER.encode()), "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64"
    ),
    "as an encoded message, spoilt": attached(
        base64.encodebytes(INNER.encode()).rstrip() + b"=*",
        "Content-Type: message/rfc822",
        "Content-Transfer-Encoding: base64",
    ),
    "as an encoded message in a message": attached(
        attached(
            base64.encodebytes(INNER.encode()), "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64"
        ),
        "Content-Type: message/rfc822",
    ),
    "as a file": attached(
        base64.encodebytes(INNER.encode()),
        'Content-Type: application/octet-stream; name="a.eml"',
        "Content-Transfer-Encoding: base64",
    ),
    "in a file of Outlook's": attached(
        base64.encodebytes(bytes(500_000) + INNER.encode("utf-16-le")),
        'Content-Type: application/ms-tnef; name="winmail.dat"',
        "Content-Transfer-Encoding: base64",
    ),
    "as quoted-printable": attached(
        quopri.encodestring(INNER.encode()),
        "Content-Type: message/rfc822",
        "Content-Transfer-Encoding: quoted-printable",
    ),
    "as the header that a bounce returns": attached(INNER.encode(), "Content-Type: text/rfc822-headers"),
    "as text": attached(INNER.encode(), "Content-Type: text/plain"),
    "as quoted text": attached(b"> " + INNER.encode().replace(b"\r\n", b"\r\n> "), "Content-Type: text/plain"),
    "as encoded text": attached(
        base64.encodebytes(INNER.encode()), "Content-Type: text/plain", "Content-Transfer-Encoding: base64"
    ),
    "before the first part": attached(b"x").replace(b"--b\r\n\r\ntext", INNER.encode() + b"--b\r\n\r\ntext"),
    "in a multipart without a boundary": mail("Content-Type: multipart/mixed", body=INNER),
    "under a Content-Type that nobody reads": mail("Content-Type: x", "Content-Type: y", body=INNER),
    "as the whole body": mail("Content-Type: message/rfc822", body=INNER),
    "as the whole body, with the mark in the body's own header": mail("Content-Type: message/global", body=INNER),
}


@pytest.mark.parametrize("content", CARRIED.values(), ids=CARRIED)
def test_a_mail_that_carries_one_is_known_too(content: bytes) -> None:
    assert traces(content).marked


def test_a_carried_mail_without_a_mark_is_none() -> None:
    found = traces(attached(INNER.replace(MARK, "X-Other: decrypted").encode(), "Content-Type: message/rfc822"))
    assert found == Traces(marked=False, message_ids=("inner@b.example",))


@pytest.mark.parametrize("at", [*range(65_536 - 40, 65_536 + 2), 3 * 65_536 - 5])
def test_a_mark_in_a_long_text_is_found_wherever_it_stands(at: int) -> None:
    """A long text is searched in windows."""
    carried = b"x" * at + b"\r\nx-Pgp-rElay: encryption=decrypted\r\n"
    assert traces(mail("Content-Type: text/plain").replace(b"body", carried + b"y" * 65_536)).marked
    assert not traces(mail("Content-Type: text/plain").replace(b"body", carried.replace(b"lay:", b"lax:"))).marked


def test_what_stands_behind_the_part_says_nothing_of_its_mark() -> None:
    content = attached(b"X-PGP-Relay: encryption=none", "Content-Type: text/plain").replace(
        b"--b--", b"--b\r\n\r\n%b--b--"
    )
    assert not traces(content.replace(b"%b", b"It was decrypted elsewhere.\r\n")).marked


def test_a_long_text_without_a_mark_is_not_copied() -> None:
    """It took 27 ms of 20 MB: a copy of it, and another one in small letters."""
    content = mail("Content-Type: text/plain").replace(b"body", (b"X" * 78 + b"\r\n") * 100_000)
    tracemalloc.start()
    try:
        assert not traces(content).marked
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert quickest(lambda: traces(content)) < quickest(content.lower)


def test_deeper_than_is_walked_the_octets_are_searched() -> None:
    content = INNER.encode()
    for _ in range(MAX_DEPTH + 2):
        content = b"Content-Type: message/rfc822\r\n\r\n" + content
    assert traces(content).marked


def test_it_is_called_what_it_and_what_it_answers_and_carries_are_called() -> None:
    content = attached(INNER.replace(MARK, "X-A: b").encode(), "Content-Type: message/rfc822")
    head = b"Message-ID: <own@x>\r\nIn-Reply-To: <one@x> (of Monday)\r\nReferences: <two@x>\r\n <one@x>\r\n"
    assert traces(head + content).message_ids == ("own@x", "one@x", "two@x", "inner@b.example")


REPORT = (
    b"Message-ID: <own@x>\r\nIn-Reply-To: <one@x>\r\nContent-Type: multipart/report; report-type=%b; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <one@x>\r\n%b\r\n--b--\r\n"
)


def test_a_bounce_is_known_by_the_mark_alone() -> None:
    """It was refused, and its sender never learned that the mail had failed."""
    assert traces(REPORT % (b"Delivery-Status", b"Subject: [...]\r\n")) == Traces()
    assert traces(REPORT % (b"delivery-status", MARK.encode() + b"\r\n")).marked
    assert "one@x" in traces(REPORT % (b"disposition-notification", b"")).message_ids


def test_an_identifier_is_the_same_folded_or_without_brackets() -> None:
    folded = traces(b"Message-ID: <a.very.\r\n long@x>\r\n\r\n").message_ids
    assert folded == own_identifiers(headers.split(b"Message-ID:\r\n <a.very.long@x>\r\n\r\n")) == ("a.very.long@x",)
    assert own_identifiers(headers.split(b"Message-ID: plain@x\r\n\r\n")) == ("plain@x",)
    assert own_identifiers(headers.split(b"Subject: x\r\n\r\n")) == ()


def test_of_many_references_the_newest_count() -> None:
    many = "\r\n ".join(f"<{n}@x>" for n in range(1000))
    found = traces(f"Message-ID: <own@x>\r\nReferences: {many}\r\n\r\n".encode()).message_ids
    assert len(found) == MAX_IN_FIELD + 1
    assert found[0] == "own@x"
    assert "999@x" in found


@pytest.mark.parametrize(
    "content",
    [
        b"X-PGP-Relay: " + b"(" * 200_000 + b"\r\n\r\n",
        b"\r\n" + b"x-pgp-relay" * 100_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
        b"References: " + b"<" * 500_000 + b"\r\n\r\n",
    ],
    ids=["comments", "names", "messages", "brackets"],
)
def test_it_takes_no_longer_than_its_octets(content: bytes) -> None:
    begun = time.process_time()
    traces(content)
    assert time.process_time() - begun < 1.5


@needs_corpus
def test_no_real_message_is_taken_for_one_that_was_decrypted_here() -> None:
    mails = sent()
    assert [name for name, content in mails.items() if traces(content).marked] == []
    assert sum(bool(traces(content).message_ids) for content in mails.values()) > 150
