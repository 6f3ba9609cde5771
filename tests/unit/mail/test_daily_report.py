"""The daily mail: to whom, in which words, and that it has an end."""

from __future__ import annotations

import email
import email.policy

import pytest
from lab.sources import DAY, NOW, fpr, key, read

from relay.mail.daily_report import MOST, Daily, Ending, Report, Wanted, address_in
from relay.mail.notice_texts import Language
from relay.model import Address, Entry, Mailbox, Origin, Why

SENDER = Mailbox.parse("Hôpital Exemple, messagerie chiffrée <postmaster@hopital.example>")
IT = Address("it@hopital.example")


def entry(number: int, address: str = "bob@ville.example", *, proposed: bool = False) -> Entry:
    return Entry(read(key(number, address, expires=NOW + 3 * DAY)), Origin.WKD, int(NOW), proposed=proposed)


def text(report: Report, language: Language = Language.EN, to: Address = IT) -> str:
    content = Daily(language, SENDER, "relay.example").compose(report, to, NOW)
    assert content.count(b"\n") == content.count(b"\r\n")
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert to.text in str(mail["To"])
    assert not to.is_ascii or mail["From"].addresses[0].display_name == "Hôpital Exemple, messagerie chiffrée"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_content()
    assert isinstance(body, str)
    return body


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("it@hopital.example", "it@hopital.example"),
        ("the IT desk <it@hopital.example>, phone 4321", "it@hopital.example"),
        ("Écrivez à it@hopital.example.", "it@hopital.example"),
        ("mailto:it@hopital.example", "it@hopital.example"),
        ("the IT desk, phone 4321", None),
        ("meet us @ the desk", None),
        ("", None),
        (None, None),
    ],
)
def test_the_address_in_a_free_text(contact: str | None, expected: str | None) -> None:
    found = address_in(contact)
    assert (found.text if found else None) == expected


@pytest.mark.parametrize("language", list(Language))
def test_every_part_in_each_language(language: Language) -> None:
    report = Report(
        [Ending(entry(1), 3)],
        [Wanted("carol@ville.example", Why.EXPIRED.value, ("a@h.example", "b@h.example"), 4)],
        [entry(2, "dora@ville.example", proposed=True)],
    )
    body = text(report, language)
    for word in (fpr(1), "bob@ville.example", "carol@ville.example", "a@h.example, b@h.example", "4", fpr(2), "dora@"):
        assert word in body


def test_a_part_without_anything_is_left_out() -> None:
    body = text(Report(ending=[Ending(entry(1), 60)]))
    assert "within 60 days" in body
    assert "wanted" not in body
    assert "approve" not in body


def test_it_has_an_end() -> None:
    many = [Wanted(f"u{n}@ville.example", Why.NO_KEY.value, tuple(f"s{m}@h" for m in range(50)), 1) for n in range(900)]
    body = text(Report(wanted=many))
    assert f"u{MOST - 1}@" in body
    assert f"u{MOST}@" not in body
    assert f"… and {900 - MOST} more" in body
    assert "s5@h" not in body


def test_a_contact_outside_ascii() -> None:
    assert "bob@" in text(Report(ending=[Ending(entry(1), 60)]), to=Address("élodie@hôpital.example"))


def test_an_address_that_is_no_unicode_spoils_nothing() -> None:
    odd = b"b\xffb@ville.example".decode("utf-8", "surrogateescape")
    assert "b?b@ville.example" in text(Report(ending=[Ending(entry(1, odd), 60)]))


def test_mails_that_wait_to_be_picked_up_are_counted_beside_what_there_is_to_tell() -> None:
    body = text(Report(ending=[Ending(entry(1), 60)], unread=3))
    assert "not read yet: 3 (pgp-relay pickup list)" in body
    assert "picked up" not in text(Report(ending=[Ending(entry(1), 60)]))
    assert Report(unread=3).empty
