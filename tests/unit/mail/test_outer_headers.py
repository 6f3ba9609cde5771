"""Which header fields stand outside the encrypted part, and in which form: an allow list, and nothing is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.ciphertexts import for_
from lab.corpus import case, needs_cases

from relay.mail import headers
from relay.mail.headers import Field
from relay.mail.hidden_recipients import KEPT, NOBODY, hidden_recipients
from relay.mail.outer_headers import outside, stands_outside
from relay.mail.payload import payload
from relay.mail.pgpmime import encrypted, verify
from relay.model import Address, Envelope, Recipient
from relay.model.errors import NotEncrypted

ALICE = "A" * 16
ALLOWED = frozenset(
    {
        "received", "delivered-to", "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id",
        "in-reply-to", "references", "resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc",
        "resent-date", "resent-message-id", "mail-reply-to", "mail-followup-to", "disposition-notification-to",
        "return-receipt-to", "autocrypt", "list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post",
        "list-subscribe", "list-post", "list-owner", "list-archive", "auto-submitted", "precedence",
        "x-auto-response-suppress", "importance", "priority", "x-priority", "x-msmail-priority", "sensitivity",
        "tls-required", "mt-priority", "mime-version", "content-type",
    }
)  # fmt: skip
SECRET = b"Compte rendu"


def encrypt(content: bytes, *, protect_subject: bool = True) -> bytes:
    head = headers.split(content)
    return encrypted(head, for_(ALICE), NOBODY, received=b"Received: x\r\n", protect_subject=protect_subject)


@pytest.mark.parametrize(
    "name",
    [
        *("X-ASG-Orig-Subj", "X-Patient-Name", "Old-DKIM-Signature", "Thread-Topic", "X-Original-Subject", "Keywords"),
        *(
            "Comments",
            "X-Spam-Report",
            "X-MS-Exchange-AntiSpam-MessageData-0",
            "DKIM-Signature",
            "ARC-Seal",
            "X-Mailer",
        ),
        *(
            "Authentication-Results",
            "Return-Path",
            "Resent-Subject",
            "Organization",
            "Thread-Index",
            "X-Nobody-Knows-It",
        ),
        *("Subject-", "Received-SPF", "X-From", "HP-Inner", "Errors-To", "Followup-To"),
    ],
)
@pytest.mark.parametrize("protect", [True, False])
def test_what_is_not_on_the_list_stands_inside_alone(name: str, *, protect: bool) -> None:
    """It left outside, with the subject, the content or a name in it, unless somebody had thought of the very field."""
    content = f"Subject: s\r\n{name.upper()} :\r\n Compte rendu\r\n\r\nbody\r\n".encode()
    assert SECRET not in encrypt(content, protect_subject=protect)
    assert payload(content, NOBODY, protect_subject=protect).count(SECRET) == 1


@pytest.mark.parametrize(
    ("received", "outer"),
    [
        (b"Date: Tue, 24 Nov 2026 03:04:05 +0000", b"Date: Tue, 24 Nov 2026 03:04:05 +0000"),
        (b"Date: Tue, 24 Nov 2026 03:04:05 +0100 (Compte rendu)", b"Date: Tue, 24 Nov 2026 03:04:05 +0100"),
        (b"Date: Wed, 25 Nov 2026 22:00:29 +0000 (UTC)", b"Date: Wed, 25 Nov 2026 22:00:29 +0000 (UTC)"),
        (b"DATE: Compte rendu", b""),
        (b"Message-ID: <1@x>", b"Message-ID: <1@x>"),
        (b"Message-id: 1@x", b"Message-id: 1@x"),
        (b"Message-ID: Compte rendu", b""),
        (b"Message-ID: Compte rendu <1@x>", b"Message-ID: <1@x>"),
        (b"In-Reply-To: Your message of Compte rendu <1@x>", b"In-Reply-To: <1@x>"),
        (b"In-Reply-To: Compte rendu", b""),
        (b"References: <1@x>\r\n <2@x>", b"References: <1@x>\r\n <2@x>"),
        (b"References: <1@x>, Compte rendu <2@x>", b"References: <1@x>\r\n <2@x>"),
        (b"Auto-Submitted: auto-replied (Compte rendu)", b"Auto-Submitted: auto-replied"),
        (b"Auto-Submitted: Compte rendu", b""),
        (b"Precedence: bulk", b"Precedence: bulk"),
        (b"Precedence: bulky", b""),
        (b"X-Auto-Response-Suppress: OOF, AutoReply", b"X-Auto-Response-Suppress: OOF, AutoReply"),
        (b"X-Auto-Response-Suppress: OOF, Compte", b""),
        (b"Importance: High", b"Importance: High"),
        (b"X-Priority: 1 (Highest)", b"X-Priority: 1"),
        (b"X-Priority: Compte rendu", b""),
        (b"Sensitivity: Company-Confidential", b"Sensitivity: Company-Confidential"),
        (b"Sensitivity: Compte rendu", b""),
        (b"TLS-Required: No", b"TLS-Required: No"),
        (b"MT-Priority: -3", b"MT-Priority: -3"),
        (b"List-Id: <onco.lists.hopital.example>", b"List-Id: <onco.lists.hopital.example>"),
        (b"List-Id: Compte rendu <onco.lists.hopital.example>", b"List-Id: <onco.lists.hopital.example>"),
        (b"List-Id: Compte rendu", b""),
        (b"List-Id: <Compte rendu>", b""),
        (b"List-Help: <mailto:a@x?subject=help> (Compte rendu)", b"List-Help: <mailto:a@x?subject=help>"),
        (b"List-Archive: <https://x/a>, Compte rendu <mailto:a@x>", b"List-Archive: <https://x/a>, <mailto:a@x>"),
        (b"List-Post: Compte rendu", b""),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
        (b"List-Unsubscribe-Post: Compte rendu", b""),
    ],
)
def test_a_field_of_fixed_words_stands_outside_in_its_plain_form(received: bytes, outer: bytes) -> None:
    lines = outside([Field(received + b"\r\n")], protect_subject=True)
    assert lines == ([outer + b"\r\n"] if outer else [])
    content = received + b"\r\n\r\nbody\r\n"
    assert received in payload(content, NOBODY, protect_subject=True)
    assert all(b"HP-Outer: " + line in payload(content, NOBODY, protect_subject=True) for line in lines)


@pytest.mark.parametrize(
    "received",
    [
        b"MIME-Version: 1.0\r\nMIME-Version: 1.0\r\n",
        b"MIME-Version: 1.0 (Compte rendu)\r\n",
        b"mime-version: 2\r\n",
        b"",
    ],
)
def test_there_is_one_mime_version_and_it_is_1_0(received: bytes) -> None:
    """Two left where two came, or one that said something else."""
    outer = encrypt(received + b"Subject: s\r\n\r\nx")
    assert [f.raw for f in headers.all(headers.split(outer), "mime-version")] == [b"MIME-Version: 1.0\r\n"]


@needs_cases
def test_the_given_inputs_leave_nothing_outside() -> None:
    copies = case("subject-copies.eml").replace(b"\n", b"\r\n")
    assert SECRET not in encrypt(copies)
    assert encrypt(case("mime-version-twice.eml").replace(b"\n", b"\r\n")).count(b"MIME-Version") == 1


@pytest.mark.parametrize(
    "field",
    [
        *(b"X-Patient-Name: x", b"Bcc: eve@e.example", b"X-Envelope-To: eve@e.example", b"Subject: positive"),
        *(b"MIME-Version: 1.0", b"MIME-Version: 1.1", b"Content-Type: text/plain", b"Content-Transfer-Encoding: 8bit"),
        *(b"X-Priority: 1 (Highest)", b"Thread-Topic: x", b"Received: by b for <hid@x.example>; x"),
    ],
)
def test_the_last_check_lets_no_other_field_leave(field: bytes) -> None:
    content = b"From: a@b.example\r\nSubject: positive\r\n\r\n"
    envelope = Envelope(None, (Recipient(Address("hid@x.example")),))
    hidden = hidden_recipients(envelope, headers.split(content))
    message = encrypted(headers.split(content), for_(ALICE), hidden, received=b"", protect_subject=True)
    verify(message, [[ALICE]], hidden, protect_subject=True)
    with pytest.raises(NotEncrypted):
        verify(field + b"\r\n" + message, [[ALICE]], hidden, protect_subject=True)
    with pytest.raises(NotEncrypted):
        verify(message.replace(b"MIME-Version: 1.0\r\n", b""), [[ALICE]], hidden, protect_subject=True)


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40) | st.sampled_from(
    ["<1@x>", "high", "1 (Highest)", "Tue, 24 Nov 2026 03:04:05 +0000", "auto-replied; x", "-3", "bulk", "OOF", "no"]
)


@given(st.sampled_from(sorted(ALLOWED - {"mime-version", "content-type"})), VALUES, st.booleans())
def test_the_form_outside_is_its_own_form(name: str, value: str, protect: bool) -> None:
    for line in outside([Field(f"{name}: {value}\r\n".encode())], protect_subject=protect):
        assert stands_outside(Field(line), protect_subject=protect)
        assert headers.split(line).fields == (Field(line),)


WORDS = (
    "X",
    "Orig",
    "Patient",
    "Subject",
    "DKIM",
    "Spam",
    "Report",
    "To",
    "Name",
    "Envelope",
    "Rcpt",
    "List",
    "Received",
)


def name(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return chance.choice(sorted(ALLOWED)).title()
    return "-".join([*chance.choices(WORDS, k=chance.randrange(1, 5)), str(chance.randrange(1000))])


@pytest.mark.parametrize("protect", [True, False])
def test_of_a_thousand_generated_fields_the_listed_ones_alone_stand_outside_and_none_is_lost(
    record_property: Callable[[str, object], None], *, protect: bool
) -> None:
    chance = random.Random(7)  # noqa: S311  a seed, so that a failure comes again
    counts: Counter[str] = Counter()
    for _ in range(20):
        fields = []
        for number in range(1_000):
            who = "hid@x.example" if chance.random() < 0.1 else f"open{number}@b.example"
            fields.append(Field(f"{name(chance)}: v{number}v {who}\r\n".encode()))
        content = b"To: bob@b.example\r\n" + b"".join(field.raw for field in fields) + b"\r\nbody"
        head = headers.split(content)
        envelope = Envelope(None, tuple(Recipient(Address(r)) for r in ("bob@b.example", "hid@x.example")))
        hidden = hidden_recipients(envelope, head)
        outer = encrypted(head, for_(ALICE), hidden, received=b"Received: x\r\n", protect_subject=protect)
        verify(outer, [[ALICE]], hidden, protect_subject=protect)
        shown = headers.split(outer).fields
        assert {field.name for field in shown} <= ALLOWED
        inside = payload(content, hidden, protect_subject=protect)
        for number, field in enumerate(fields):
            told = b"v%dv" % number
            where = "outside" if told in b"".join(f.raw for f in shown) else "inside" if told in inside else "nowhere"
            counts[where] += 1
            assert where != "nowhere" or field.name == "mime-version" or not hidden.visible([field])
        naming = {field.name for field in (*shown, *headers.split(inside).fields) if b"hid@" in field.raw}
        assert naming <= KEPT | {name for name in naming if name.startswith("list-")} | {"hp-outer"}
    record_property("counted", f"20 mails of 1,000 generated fields: {dict(counts)}")
    assert min(counts.values()) > 1_000
