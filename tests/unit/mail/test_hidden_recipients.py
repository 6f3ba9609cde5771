"""Which header fields tell of a recipient whom To and Cc do not name: these go, and nothing else does."""

from __future__ import annotations

import email
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lab.corpus import needs_corpus, sent

from relay.mail import headers
from relay.mail.hidden_recipients import KEPT, NOBODY, HiddenRecipients, _names_recipients, hidden_recipients, passed_on
from relay.model import Address, Envelope, Recipient

HIDDEN = "hid@x.example"
OTHERS = ("bob@b.example", "carol@c.example", HIDDEN)
HEAD = b"From: Alice <alice@a.example>\r\nTo: bob@b.example\r\nCc: Carol <carol@c.example>\r\nSubject: s\r\n"


def passed(fields: bytes, *recipients: str, sender: str | None = "alice@a.example") -> bytes:
    """The header that is left of these fields behind HEAD."""
    envelope = Envelope(Address(sender) if sender else None, tuple(Recipient(Address(r)) for r in recipients or OTHERS))
    content = HEAD + fields + b"\r\nhid@x.example in the body\r\n"
    left = passed_on(content, b"", hidden_recipients(envelope, headers.split(content)))
    assert left.startswith(HEAD)
    assert left.endswith(b"\r\nhid@x.example in the body\r\n")
    return left[len(HEAD) : -len(b"\r\nhid@x.example in the body\r\n")]


@pytest.mark.parametrize(
    "field",
    [
        b"Bcc: hid@x.example",
        b"bCC : d",
        b"Resent-Bcc: e",
        b"X-Bcc: f",
        b"Apparently-To: hid@x.example",
        b"X-Apparently-To: hid@x.example; Tue, 1 Dec 2026 00:00:00 +0000",
        b"Envelope-To: hid@x.example",
        b"X-Envelope-To: hid@x.example",
        b"X-Envelope-To: earlier@x.example",  # no recipient any more, and named nowhere
        b"X-Envelope-To: bob@b.example, hid@x.example",
        b"X-Envelope-To: undisclosed",
        b"X-Rcpt-To: <hid@x.example>",
        b"X-RCPT-TO: <hid@x.example>",
        b"X-Original-To: hid@x.example",
        b"X-Forwarded-To: hid@x.example",
        b"X-Real-To: HID@X.EXAMPLE",
        b"X-MDArrival-Recipients: hid@x.example",
        b"X-Recipient: hid@x.example",
        b"Original-Recipient: rfc822;hid@x.example",
        b"Delivered-To: hid@x.example",
        b"X-Failed-Recipients: hid@x.example",
        b"X-Forwarded-For: alice@a.example hid@x.example",
        b"X-Whatever: sent to 'hid@x.example'.",
        b"X-Whatever:\r\n =?utf-8?q?hid=40x=2Eexample?=",
        b"X-Whatever: Hid <Hid@X.example.>",
        b"X-Whatever: =?utf-8?q?" + b"a" * 70_000 + b"?= =?utf-8?q?hid=40x=2Eexample?=",
        b"Old-DKIM-Signature: v=1; z=Subject:=20s|Bcc:=20hid@x.example|To:x; b=y",
        b"DKIM-Signature: v=1; h=from;\r\n\tz=Bcc:hid=40x.example; b=y",
        b"X-Google-DKIM-Signature: z=bcc:Hid=20<hid@x.example>; b=y",
        b"Received: from a (account hid@x.example) by b; x",
        b"Keywords: hid@x.example",
        b"Comments: also to hid@x.example",
    ],
    ids=lambda field: field[:40].decode(),
)
def test_a_field_that_names_a_hidden_recipient_goes(field: bytes) -> None:
    """All but Bcc were left, outside of encrypted mail and in mail that is passed on."""
    assert passed(b"X-One: 1\r\n" + field + b"\r\nX-Two: 2\r\n") == b"X-One: 1\r\nX-Two: 2\r\n"


@pytest.mark.parametrize(
    "field",
    [
        b"X-Envelope-To: bob@b.example, Carol <CAROL@c.example>",
        b"Delivered-To: list@elsewhere.example",
        b"X-Failed-Recipients: somebody@x.example",
        b"X-Whatever: hid@x.example.org, xhid@x.example, hid @ x.example",
        b"X-Complaints-To: abuse@a.example",
        b"Reply-To: hid@x.example",  # the author's word
        b"In-Reply-To: <hid@x.example>",
        b"References: <1@x.example> <hid@x.example>",
        b"Message-ID: <hid@x.example>",
        b"List-Unsubscribe: <mailto:leave+hid=x.example@lists.example>, <mailto:hid@x.example>",
        b"Content-ID: <hid@x.example>",
        b"DKIM-Signature: v=1; h=from:to; bh=aGlk; b=eQ==",
        b"Received: from a by b for <bob@b.example>; x",
        b"Received: from a by b with SMTP id 1; x",
    ],
    ids=lambda field: field[:40].decode(),
)
def test_a_field_that_names_nobody_hidden_stays(field: bytes) -> None:
    assert passed(field + b"\r\n") == field + b"\r\n"


def test_a_received_field_loses_its_for_clause_alone() -> None:
    field = b"Received: from a by b\r\n\tfor <hid@x.example>; Tue, 1 Dec 2026 00:00:00 +0000\r\n"
    assert passed(field) == b"Received: from a by b; Tue, 1 Dec 2026 00:00:00 +0000\r\n"
    assert passed(b"Received: by b FOR hid@x.example ; x\r\n") == b"Received: by b ; x\r\n"


def test_an_author_among_the_recipients_is_not_hidden() -> None:
    """Copies to oneself are common: the mail would have lost what names its sender."""
    fields = (
        b"X-Sender: alice@a.example\r\nX-Authenticated: <alice@a.example>\r\nAutocrypt: addr=alice@a.example; k\r\n"
    )
    assert passed(fields, "bob@b.example", "alice@a.example") == fields
    assert passed(fields, "bob@b.example", "Alice@a.example", sender=None) == fields


@pytest.mark.parametrize(
    ("hidden", "field"),
    [
        ("o'brien@x.example", b"X-A: o'brien@x.example"),
        ("a=b@x.example", b"X-A: a=b@x.example"),
        ('"a b"@x.example', b'X-A: "a b"@x.example'),
        ("hélène@hôpital.example", "X-A: hélène@hôpital.example".encode()),
        ("hélène@hôpital.example", "X-A: hélène@xn--hpital-ixa.example".encode()),
        ("hélène@hôpital.example", b"X-A: =?utf-8?q?h=C3=A9l=C3=A8ne=40h=C3=B4pital=2Eexample?="),
        ("postmaster", b"X-Rcpt-To: postmaster"),
    ],
)
def test_odd_addresses_are_found_too(hidden: str, field: bytes) -> None:
    assert passed(field + b"\r\n", hidden) == b""


def test_passing_on_adds_a_line_and_takes_the_blind_copies_out() -> None:
    content = b"To: a\r\nBcc: b,\r\n c\r\nbCC : d\r\nResent-Bcc: e\r\nX-Cc: f\r\n\r\nBcc: in the body\r\n"
    left = b"Received: x\r\nTo: a\r\nX-Cc: f\r\n\r\nBcc: in the body\r\n"
    assert passed_on(content, b"Received: x\r\n", NOBODY) == left


@pytest.mark.parametrize("first", [b" lead", b"\tlead", b" ", b"\t \t"])
def test_a_first_line_that_begins_with_white_space_makes_no_header_of_what_follows(first: bytes) -> None:
    """It went on our Received line: what was judged as a body left as a header, with its Bcc and its subject."""
    content = first + b"\r\nBcc: secret@x.example\r\nSubject: [confidentiel]\r\n\r\nbody\r\n"
    message = passed_on(content, b"Received: x\r\n", NOBODY)
    assert message == b"Received: x\r\n\r\n" + content
    assert email.message_from_bytes(message).keys() == ["Received"]


LINES = (
    b"Subject: a|Bcc: x@y|no field| folded|X-Envelope-To: x|To: a@b.example||Received: x\r\n\tfor <a@b>; y|\xff".split(
        b"|"
    )
)


@given(st.binary(max_size=300) | st.lists(st.sampled_from(LINES), max_size=8).map(b"\r\n".join))
def test_passing_on_changes_nothing_else(content: bytes) -> None:
    assume(not content.startswith((b" ", b"\t")))
    head = headers.split(content)
    message = passed_on(content, b"Received: x\r\n", NOBODY)
    kept = [field.raw for field in head.fields if field.name not in {"bcc", "resent-bcc", "x-envelope-to"}]
    assert message == b"".join([b"Received: x\r\n", *kept, head.separator, content[head.body_start :]])


NAMES = (
    "X-{}",
    "Envelope-To",
    "X-Envelope-To",
    "Delivered-To",
    "X-Original-To",
    "Comments",
    "X-Rcpt-To",
    "Old-{}",
    "{}-To",
)
FORMS = (
    "{}",
    "<{}>",
    "Somebody <{}>",
    "a@b.example,\r\n {}",
    "({})",
    "'{}'",
    "x {}; y",
    "bcc:{}|",
    "=?utf-8?q?{}?=",
    "for <{}>",
)


def test_no_generated_field_tells_of_a_hidden_recipient(record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(11)  # noqa: S311  a seed, so that a failure comes again
    fields, telling = [], 0
    for number in range(5_000):
        name = chance.choice(NAMES).format(f"F{number}")
        hidden = chance.random() < 0.5
        address = f"hid{chance.randrange(100)}@x.example" if hidden else f"open{number}@b.example"
        fields.append(f"{name}: {chance.choice(FORMS).format(address)}\r\n")
        telling += hidden
    recipients = [f"hid{number}@x.example" for number in range(100)]
    named = "To: " + ",\r\n ".join(f"open{number}@b.example" for number in range(5_000)) + ", a@b.example\r\n"
    content = (named + "".join(fields) + "\r\n").encode()
    envelope = Envelope(None, tuple(Recipient(Address(r)) for r in recipients))
    left = passed_on(content, b"", hidden_recipients(envelope, headers.split(content)))
    assert b"hid" not in left
    lines = {one.raw.decode() for one in headers.split(left).fields}
    gone = [line for line in fields if line not in lines and "hid" not in line]
    record_property(
        "counted", f"{telling} of 5000 fields tell of a hidden recipient; {len(gone)} more name nobody read"
    )
    assert {line.partition(":")[0] for line in gone} <= {"Envelope-To", "X-Envelope-To", "X-Original-To", "X-Rcpt-To"}
    assert len(gone) < 1_000


@needs_corpus
def test_nothing_is_taken_out_of_real_mails_but_what_names_recipients(
    record_property: Callable[[str, object], None],
) -> None:
    gone: set[str] = set()
    for content in sent().values():
        head = headers.split(content)
        hidden = hidden_recipients(Envelope(None, (Recipient(Address(HIDDEN)),)), head)
        left = hidden.visible(head.fields)
        gone |= {field.name for field in head.fields if field not in left}
    record_property("counted", f"gone from {len(sent())} real mails: {', '.join(sorted(gone))}")
    assert gone <= {"bcc", "x-bcc", "envelope-to", "x-original-to", "apparently-to", "x-apparently-to", "x-envelope-to",
                    "x-rcpt-to", "x-pop3-rcpt", "x-forwarded-to", "x-delivered-to", "x-real-to"}  # fmt: skip


def test_a_thousand_hidden_recipients_and_a_large_header_take_linear_time() -> None:
    keys = frozenset(f"hid{number}@x{number}.example" for number in range(10_000))
    field = headers.Field(b"X-A: " + b"a@x1.example, " * 100_000 + b"\r\n")
    begun = time.process_time()
    assert HiddenRecipients(frozenset(), keys).visible([field] * 3) == (field,) * 3
    assert time.process_time() - begun < 10


def test_no_field_that_is_kept_is_made_to_name_recipients() -> None:
    """They are not asked."""
    assert not KEPT & headers.BLIND
    assert not any(map(_names_recipients, KEPT))
