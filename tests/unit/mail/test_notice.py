"""Notices as their three readers see them: a clinician, a mail client (Python's email package), an attacker."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage, Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.configs import config
from lab.fakes import inbound

from relay.daemon import templates
from relay.mail.notice import Kind, Notices, Template, TemplateError, Told
from relay.mail.notice_texts import Language, reason_in
from relay.mail.returned_headers import MOST, returned
from relay.model import Address, Inbound, Mailbox, Recipient, Why
from relay.model.errors import ConfigError

B = "b@there.example"
SENDER = Mailbox(Address("postmaster@here.example"))
SENT = {language: language.moment(inbound(B).received.astimezone()) for language in Language}
NEXT_HOP_REFUSED = {Kind.UNDELIVERED, Kind.RETURNED}
KEYLESS = Told(Recipient(Address(B)), Why.NO_KEY, "5.7.1")


def notices(
    folder: Path,
    language: str = "en",
    contact: str | None = None,
    sender: Mailbox = SENDER,
) -> Notices:
    built_in = templates.load(config(folder, notices={"language": language}))
    waits = timedelta(days=5)
    return Notices(built_in, Language(language), sender, contact, "relay.example", waits)


def composed(
    folder: Path,
    kind: Kind = Kind.REFUSED,
    told: Sequence[Told] = (KEYLESS,),
    message: Inbound | None = None,
    language: str = "en",
) -> bytes:
    return notices(folder, language).compose(kind, message or inbound(B), told)


def parsed(octets: bytes) -> EmailMessage:
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    mail = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not any(part.defects for part in mail.walk())
    return mail


def parts(octets: bytes) -> tuple[str, list[Message], str]:
    """Text, delivery status (the groups) and returned header fields, as a client shows them."""
    mail = parsed(octets)
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    text, status, original = mail.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(original, EmailMessage)
    assert status.get_content_type() == "message/delivery-status"
    groups = status.get_payload()
    assert isinstance(groups, list)
    assert original.get_content_type() == "text/rfc822-headers"
    shown = [part.get_content().replace("\r\n", "\n") for part in (text, original)]
    return shown[0], [group for group in groups if isinstance(group, Message)], shown[1]


def first_sentence(octets: bytes) -> str:
    return parts(octets)[0].split("\n\n")[0]


@pytest.mark.parametrize(
    ("language", "subject", "sentence"),
    [
        (
            "en",
            "Your message was not sent",
            (
                f"Your message of {SENT[Language.EN]} to b@there.example was not sent, because we have no "
                "encryption key for this address yet."
            ),
        ),
        (
            "fr",
            "Votre courriel n'a pas été envoyé",
            (
                f"Votre courriel du {SENT[Language.FR]}, adressé à b@there.example, n'a pas été envoyé, parce que nous "
                "n'avons pas encore de clé de chiffrement pour cette adresse."
            ),
        ),
    ],
)
def test_the_first_sentence_says_what_happened_and_why(
    tmp_path: Path, language: str, subject: str, sentence: str
) -> None:
    notice = composed(tmp_path, language=language)
    assert parsed(notice)["Subject"] == subject
    assert first_sentence(notice) == sentence
    assert notice.isascii()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_its_sentence_in_both_languages(tmp_path: Path, language: str, kind: Kind, why: Why) -> None:
    notice = composed(tmp_path, kind, [replace(KEYLESS, reason=why)], language=language)
    text = parts(notice)[0]
    assert "$" not in text
    other = reason_in(Language(language), "")
    assert (other in text) is (kind in NEXT_HOP_REFUSED)
    assert (reason_in(Language(language), why) in text) is (kind not in NEXT_HOP_REFUSED)


def test_a_notice_says_what_to_do_and_whom_to_ask(tmp_path: Path) -> None:
    text = parts(notices(tmp_path, contact="the IT desk, phone 4321").compose(Kind.REFUSED, inbound(B), [KEYLESS]))[0]
    assert "Ask the recipient for their public key" in text
    assert "Send that file to the IT desk, phone 4321." in text
    assert "As soon as they confirm that the key is in place, send your message again." in " ".join(text.split())
    assert "call the recipient" in text


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.HELD])
@pytest.mark.parametrize("contact", ["le service informatique, poste 4321", "it@hopital.example", None])
def test_french_sent_a_file_to_a_contact_with_an_article_before_it(
    tmp_path: Path, kind: Kind, contact: str | None
) -> None:
    text = parts(notices(tmp_path, "fr", contact).compose(kind, inbound(B), [KEYLESS]))[0]
    assert f"Faites parvenir ce fichier au contact suivant\xa0: {contact or 'votre service informatique'}." in text


@pytest.mark.parametrize(("language", "day"), [("en", " 1 December 2026, "), ("fr", " 1er décembre 2026 à ")])
def test_the_first_of_a_month_was_no_first_in_french(tmp_path: Path, language: str, day: str) -> None:
    received = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert (
        day
        in parts(composed(tmp_path, Kind.HELD, message=replace(inbound(B), received=received), language=language))[0]
    )


@pytest.mark.parametrize(("language", "until"), [("en", "29 November 2026, "), ("fr", "29 novembre 2026 à ")])
def test_a_held_mail_is_said_to_wait_and_until_when(tmp_path: Path, language: str, until: str) -> None:
    text, (_, group), _ = parts(composed(tmp_path, Kind.HELD, language=language))
    assert until in text
    assert (group["Action"], group["Status"]) == ("delayed", "5.7.1")
    assert group["Will-Retry-Until"] == "Sun, 29 Nov 2026 12:00:00 +0000"


def test_several_recipients_are_each_told_of_and_only_a_few_stand_in_the_first_sentence(tmp_path: Path) -> None:
    told = [replace(KEYLESS, recipient=Recipient(Address(f"r{n}@there.example"))) for n in range(30)]
    notice = composed(tmp_path, told=told)
    text, (_, *groups), _ = parts(notice)
    start = f"Your message of {SENT[Language.EN]} was not sent to r0@there.example, r1@there.example, r2@there.example "
    assert first_sentence(notice).startswith(f"{start}and 27 others, because we have no encryption key for these")
    assert all(f"  r{n}@there.example\n" in text for n in range(30))
    assert [group["Final-Recipient"] for group in groups] == [f"rfc822; r{n}@there.example" for n in range(30)]


def test_its_head_lets_no_program_answer(tmp_path: Path) -> None:
    mail = parsed(composed(tmp_path))
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["From"].addresses[0].addr_spec == "postmaster@here.example"
    assert mail["To"].addresses[0].addr_spec == "a@here.example"
    assert mail["Message-ID"].endswith("@relay.example>")
    with pytest.raises(ValueError, match="null sender"):
        composed(tmp_path, message=inbound(B, sender=None))


def test_the_status_carries_envid_and_orcpt_decoded_and_our_own_reason(tmp_path: Path) -> None:
    message = inbound(B)
    message = replace(message, envelope=replace(message.envelope, options=("RET=HDRS", "ENVID=QQ+2B314159")))
    recipient = Recipient(Address(B), ("NOTIFY=FAILURE", "ORCPT=rfc822;Bob+2Bx@Old.example"))
    about, group = parts(composed(tmp_path, told=[replace(KEYLESS, recipient=recipient)], message=message))[1]
    assert dict(about) == {
        "Original-Envelope-Id": "QQ+314159",
        "Reporting-MTA": "dns; relay.example",
        "Arrival-Date": "Tue, 24 Nov 2026 12:00:00 +0000",
        "X-PGP-Relay-ID": "id1",
    }
    assert dict(group) == {
        "Original-Recipient": "rfc822; Bob+x@Old.example",
        "Final-Recipient": "rfc822; b@there.example",
        "Action": "failed",
        "Status": "5.7.1",
        "Diagnostic-Code": "X-PGP-Relay; no key is known",
    }


def test_a_diagnostic_is_never_another_programs_text(tmp_path: Path) -> None:
    _, (_, group), _ = parts(composed(tmp_path, Kind.UNDELIVERED, [replace(KEYLESS, reason="550 canary")]))
    assert "Diagnostic-Code" not in group


@pytest.mark.parametrize(
    "orcpt",
    [
        "ORCPT=rfc822;a+0D+0ASubject:+20evil",
        "ORCPT=rfc822;+E9@x",
        "ORCPT=rfc822;+zz",
        "ORCPT=nothing",
        "ORCPT=r f;x",
        "ORCPT=rfc822;" + "x" * 2000,
    ],
)
def test_an_orcpt_that_would_break_the_line_is_left_out(tmp_path: Path, orcpt: str) -> None:
    told = replace(KEYLESS, recipient=Recipient(Address(B), (orcpt,)))
    _, (_, group), _ = parts(composed(tmp_path, told=[told]))
    assert "Original-Recipient" not in group
    assert "evil" not in composed(tmp_path, told=[told]).decode()


def test_a_unicode_recipient_is_escaped_for_a_sender_without(tmp_path: Path) -> None:
    told = replace(KEYLESS, recipient=Recipient(Address("hélène@hôpital.example")))
    notice = composed(tmp_path, told=[told])
    text, (_, group), _ = parts(notice)
    assert notice.isascii()
    assert "to hélène@hôpital.example was not sent" in text
    assert group["Final-Recipient"] == r"utf-8; h\x{E9}l\x{E8}ne@h\x{F4}pital.example"


def test_a_unicode_sender_gets_a_global_delivery_status(tmp_path: Path) -> None:
    told = replace(KEYLESS, recipient=Recipient(Address("hélène@hôpital.example")))
    notice = composed(tmp_path, told=[told], message=inbound(B, sender="édith@here.example"))
    assert "To: <édith@here.example>\r\n" in notice.decode()
    assert "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" in notice.decode()
    assert "Final-Recipient: utf-8; hélène@hôpital.example\r\n" in notice.decode()


@pytest.mark.parametrize(
    "address",
    [
        '"a b"@x.example',
        '"a\\"b, c@d"@x.example',
        "a,b;c:d@x.example",
        "@route.example:a@x.example",
        "postmaster",
        "a@[192.0.2.1]",
        "=?utf-8?q?=0D=0ABcc:_x?=@x.example",
        "x" * 60 + "@" + "y" * 60 + ".example",
    ],
)
def test_an_odd_sender_stands_as_it_came_and_adds_no_field(tmp_path: Path, address: str) -> None:
    told = replace(KEYLESS, recipient=Recipient(Address(address)))
    notice = composed(tmp_path, told=[told], message=inbound(B, sender=address))
    assert f"\r\nTo: <{address}>\r\n".encode() in notice
    assert f"\r\nFinal-Recipient: rfc822; {address}\r\n".encode() in notice
    assert [name for name, _ in email.message_from_bytes(notice).items()] == [
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
    ]


def test_what_turns_the_reading_direction_is_not_shown(tmp_path: Path) -> None:
    told = replace(KEYLESS, recipient=Recipient(Address("a\u202eb\u2028c\x85@x.example")))
    assert "to a?b?c?@x.example was" in first_sentence(composed(tmp_path, told=[told]))


def test_four_fields_of_the_original_come_back_and_no_other(tmp_path: Path) -> None:
    content = (
        b"Received: canary\r\nFrom: Dr =?utf-8?q?H=C3=A9l=C3=A8ne?= <a@here.example>\r\n"
        b"To: Bob <b@there.example>,\r\n\tc@there.example\r\nCc: canary@x.example\r\nBcc: canary@x.example\r\n"
        b"Subject: canary\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@here.example>\r\n"
        b"References: <canary@x>\r\n\r\nTo: canary@body.example\r\n"
    )
    notice = composed(tmp_path, message=inbound(B, content=content))
    assert b"canary" not in notice
    assert parts(notice)[2] == (
        "From: a@here.example\nTo: b@there.example, c@there.example\n"
        "Date: Tue, 24 Nov 2026 10:00:00 +0100\nMessage-ID: <1@here.example>\n"
    )


@pytest.mark.parametrize(
    "field",
    [
        b"Message-ID: canary of a text",
        b"Message-ID: <canary@x> and more",
        b"Message-ID: <1@x>\r\n canary",
        b"Message-ID: =?utf-8?q?canary?=",
        b"Message-ID: <" + b"canary" * 100 + b"@x>",
        b"Date: canary",
        b"Date: Tue, 24 Nov 2026 10:00:00 +0100 (canary)",
        b"Date: Tue, 24 Nov 99999 10:00:00 +0100 canary",
        b"To: canary",
        b"To: undisclosed canary:;",
        b"From: canary",
        b"To: a@x\r\nTo: canary@x",
        b"From: a@x\r\nfrom : canary@x",
        b"To: " + b"a@x," * MOST + b"canary@x",
        b"To: a@x" + b" " * 10 * MOST + b",canary@x",
        b"From: " + b"x" * 10_000_000 + b"canary@x",
    ],
    ids=lambda field: field[:30].decode(),
)
def test_a_returned_field_carries_no_more_than_it_is_for(field: bytes) -> None:
    assert "canary" not in returned(field + b"\r\n\r\nbody\r\n")


def test_a_fold_hides_no_field_and_no_line() -> None:
    assert returned(b"To: b@there.example\r\n Subject: folded\r\n\r\n") == ""  # no address any more
    octets = b'To: "b\r\n Subject: x" <b@there.example>,\r\n\t\x1b[2J\x00\xff <c@there.example>\r\n\r\n'
    assert returned(octets) == "To: b@there.example\r\n"  # an escape sequence is no display name
    assert returned(b"To: Mme Dupont <b@there.example>, (VIH) c@there.example, \xe2\x80\xaed@x\r\n\r\n") == (
        "To: b@there.example, c@there.example\r\n"
    )


@given(st.binary(max_size=300), st.sampled_from([b"From", b"To", b"Date", b"Message-ID"]))
def test_whatever_a_field_holds_it_stays_one_line(value: bytes, name: bytes) -> None:
    given_back = returned(name + b": a@x " + value.replace(b"\n", b"\r\n ") + b"\r\n\r\n")
    assert re.fullmatch(r"(?:(?:From|To|Date|Message-ID): [^\x00-\x1f\x7f\r\n]*\r\n){0,1}", given_back)


# What people asked for


@pytest.mark.parametrize("language", list(Language))
def test_the_sending_time_is_that_of_the_mail(tmp_path: Path, language: Language) -> None:
    """Nothing but the relay's own time stood in the text, at its end."""
    content = b"Date: Tue, 24 Nov 2026 09:07:00 +0100\r\n\r\nx"
    text = first_sentence(composed(tmp_path, message=inbound(B, content=content), language=language.value))
    assert language.moment(datetime(2026, 11, 24, 8, 7, tzinfo=UTC).astimezone()) in text
    for odd in (b"Fri, 01 Jan 0001 00:00:00 +2359", b"Fri, 31 Dec 9999 23:59:59 -2359", b"yesterday"):
        content = b"Date: " + odd + b"\r\n\r\nx"
        assert "202" in first_sentence(composed(tmp_path, message=inbound(B, content=content))) or b"yes" not in odd


def test_it_stands_in_the_thread_of_the_mail_it_is_about(tmp_path: Path) -> None:
    """RFC 3834 section 3.1.5; nothing of a Message-ID that is none."""
    notice = parsed(composed(tmp_path, message=inbound(B, content=b"Message-ID: <1@here.example>\r\n\r\nx")))
    assert (notice["In-Reply-To"], notice["References"]) == ("<1@here.example>", "<1@here.example>")
    for odd in (b"", b"Message-ID: canary\r\n", b"Message-ID: <canary \xc3\xa9@x>\r\n", b"Message-ID: <1@x> <2@x>\r\n"):
        notice = parsed(composed(tmp_path, message=inbound(B, content=odd + b"\r\nx")))
        assert (notice["In-Reply-To"], notice["References"]) == (None, None)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("why", list(Why))
def test_one_reason_shared_by_several_is_named(tmp_path: Path, language: Language, kind: Kind, why: Why) -> None:
    """It said that these recipients may only get it encrypted, and not why that was impossible."""
    told = [replace(KEYLESS, recipient=Recipient(Address(f"r{n}@there.example")), reason=why) for n in range(3)]
    text = first_sentence(composed(tmp_path, kind, told, language=language.value))
    shared = reason_in(language, "" if kind in NEXT_HOP_REFUSED else why, several=True)
    assert text.endswith(shared)
    assert shared != reason_in(language, "" if kind in NEXT_HOP_REFUSED else why)


def test_different_reasons_are_told_with_each_recipient(tmp_path: Path) -> None:
    told = [KEYLESS, Told(Recipient(Address("c@there.example")), Why.EXPIRED, "5.7.1")]
    notice = composed(tmp_path, told=told)
    assert first_sentence(notice).endswith("these recipients may only get it encrypted, and that is not possible now.")
    for one in told:
        assert f"  {one.recipient.address}\n      {reason_in(Language.EN, one.reason)}\n" in parts(notice)[0]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", list(Kind))
def test_one_recipient_is_one_and_several_are_several(tmp_path: Path, kind: Kind, language: str) -> None:
    told = [replace(KEYLESS, recipient=Recipient(Address(f"r{n}@there.example"))) for n in range(2)]
    one, several = (parts(composed(tmp_path, kind, each, language=language))[0] for each in (told[:1], told))
    singular, plural = {"en": ("recipient", "these recipients"), "fr": ("au destinataire", "ces destinataires")}[
        language
    ]
    assert singular in one
    assert plural not in one
    assert plural in several
    assert "concerned" not in one + several


NO_BREAK = "\xa0"


@pytest.mark.parametrize("kind", list(Kind))
def test_french_is_printed_as_french_is(tmp_path: Path, kind: Kind) -> None:
    """« Message » stood there for « courriel », plain spaces before colons."""
    texts = [
        part
        for why in (*Why, "")
        for number in (1, 2)
        for notice in [composed(tmp_path, kind, [replace(KEYLESS, reason=why)] * number, language="fr")]
        for part in (str(parsed(notice)["Subject"]), parts(notice)[0])
    ]
    for text in texts:
        assert not re.search(r"[^\xa0][;:!?»](?: |$)|« ", text, re.MULTILINE)
        assert not re.search(r"\bmails?\b|\bmessages?\b|\bsujet\b", text)
    assert any(NO_BREAK in text for text in texts)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Hôpital Exemple, messagerie chiffrée", "Hôpital Exemple, messagerie chiffrée"),
        ("IT desk (mail)", "IT desk (mail)"),
        ("pgp-relay", "pgp-relay"),
    ],
)
def test_its_sender_has_the_name_that_the_site_gives(tmp_path: Path, name: str, shown: str) -> None:
    """It was a bare “pgp-relay”."""
    sender = Mailbox.parse(f"{name} <postmaster@here.example>")
    notice = notices(tmp_path, sender=sender).compose(Kind.REFUSED, inbound(B), [KEYLESS])
    (found,) = parsed(notice)["From"].addresses
    assert (found.display_name, found.addr_spec) == (shown, "postmaster@here.example")
    assert notice.isascii()
    assert max(map(len, notice.split(b"\r\n"))) <= 78


# Templates


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("Subject\n\n$recipients\n\n$nobody", 5, "unknown variable $nobody; known are because, contact, date,"),
        ("Subject\n\n$recipients costs 5 $", 3, "a $ stands alone"),
        ("Subject\n\n${recipients", 3, "a $ stands alone"),
        ("Subject\n\nwords", 0, "the variable $recipients is missing"),
        ("Subject $to\n\n$recipients", 1, "the first line is the subject"),
        ("\n\n$recipients", 1, "the first line is the subject"),
        ("", 1, "the first line is the subject"),
        ("Subject\r\x00\n$recipients", 1, "the first line is the subject"),
        ("Subject\n$recipients" + "x" * 20_000, 0, "longer than"),
    ],
)
def test_a_template_that_cannot_be_filled_is_never_made(text: str, line: int, sentence: str) -> None:
    with pytest.raises(TemplateError) as raised:
        Template(text)
    assert raised.value.line == line
    assert sentence in str(raised.value)


def test_a_site_replaces_one_kind_and_keeps_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "held.txt").write_text("Attente\n\nBonjour,\n$recipients\n5 $$\n", encoding="utf-8")
    settings = config(tmp_path, notices={"language": "fr", "templates": "words"})
    found = templates.load(settings)
    for wording in (found[Kind.HELD].one, found[Kind.HELD].several):
        assert wording.filled({"recipients": "b"}) == ("Attente", "Bonjour,\nb\n5 $\n")
    assert found[Kind.REFUSED].one.text.startswith("Votre courriel n'a pas été envoyé\n")
    (folder / "held-several.txt").write_text("Plusieurs\n$recipients\n", encoding="utf-8")
    found = templates.load(settings)
    assert found[Kind.HELD].several.text.startswith("Plusieurs")
    assert found[Kind.HELD].one.text.startswith("Attente")


def test_every_wrong_template_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "held.txt").write_bytes(b"Attente\n$recipients\n$oops\n")
    (folder / "refused.txt").write_bytes(b"Refus\xe9\n$recipients\n")
    (folder / "undelivered.txt").mkdir()
    with pytest.raises(ConfigError) as raised:
        templates.load(config(tmp_path, notices={"templates": "words"}))
    told = [str(fault).replace(f"{folder}/", "") for fault in raised.value.faults]
    assert told[0] == "refused.txt: not UTF-8"
    assert told[1].startswith("held.txt:3: unknown variable $oops")
    assert told[2] == "undelivered.txt: cannot be read: Is a directory"
