"""The mails around a pick-up: what they say, and what they must not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from lab.fakes import inbound
from lab.pickup_fakes import own_key

from relay.mail.hidden_recipients import NOBODY
from relay.mail.notice_texts import Language
from relay.mail.pickup_answer import Answers
from relay.mail.pickup_letters import CODE_FIELD, PickupLetters
from relay.mail.pickup_payload import payload
from relay.mail.quoted_code import quotes_code
from relay.model import Address, Mailbox
from relay.model.pickup import Pickup

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
MAILBOX = Mailbox.parse("Hôpital Exemple <messagerie@hopital.example>")
DOCTOR, PATIENT = Address("dr.martin@hopital.example"), Address("lefèvre@ville.example")
PICKUP = Pickup("0" * 32, b"d", PATIENT, DOCTOR, NOW.timestamp(), NOW.timestamp() + 86400, 9, b"p" * 32, "<1@x>")
CODE = "abeille-moulin-tomate-girafe-violon-tulipe"


def letters(language: Language, phrase: str | None = None) -> PickupLetters:
    url = "https://courrier.hopital.example"
    return PickupLetters(language, MAILBOX, "Hôpital Exemple", "relay.example", url, "poste 4321", phrase)


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


@pytest.mark.parametrize("language", Language)
def test_every_letter_is_filled_and_answered_by_no_program(language: Language) -> None:
    made = letters(language, "Le chat dort")
    mail = inbound("lefevre@ville.example", sender=DOCTOR.text)
    for content in (
        made.announced(PICKUP, NOW),
        made.codes(mail, DOCTOR, [(PATIENT, CODE)], PICKUP.expires),
        made.unread(PICKUP, DOCTOR, NOW),
        made.expired(PICKUP, DOCTOR, NOW),
    ):
        letter = read(content)
        assert "$" not in letter.get_content()
        assert letter["Subject"].strip()
        assert letter["Auto-Submitted"] != "no"
        assert b"\n" not in content.replace(b"\r\n", b"")
        assert max(map(len, content.split(b"\r\n"))) <= 998


def test_the_reader_is_told_in_both_languages_where_and_until_when_and_never_the_code() -> None:
    text = read(letters(Language.FR, "Le chat dort").announced(PICKUP, NOW)).get_content()
    assert text.index("Bonjour") < text.index("Hello")
    assert text.count(f"https://courrier.hopital.example/m/{PICKUP.id}") == 2
    assert text.count("Le chat dort") == 2
    assert text.count(DOCTOR.text) == 2
    assert "répondre sur la même page" not in text
    assert (
        "répondre sur la même page"
        in read(replace(letters(Language.FR), answers=True).announced(PICKUP, NOW)).get_content()
    )
    assert not quotes_code(letters(Language.FR).announced(PICKUP, NOW))


def test_the_notice_with_a_code_is_known_for_what_it_is() -> None:
    notice = letters(Language.FR).codes(inbound(PATIENT.text), DOCTOR, [(PATIENT, CODE)], PICKUP.expires)
    assert read(notice)[CODE_FIELD]
    assert quotes_code(notice)
    assert quotes_code(notice.replace(CODE.encode(), b"x"))  # by its field alone


def test_the_mail_itself_stands_behind_our_fields() -> None:
    content = b"Subject: x\r\nX-Pickup-Token: planted\r\nX-Pickup-Answer-Key: planted\r\n\r\nbody\r\n"
    made = payload(content, NOBODY, "token", own_key(DOCTOR.text))
    fields = read(made)
    assert fields.get_all("X-Pickup-Token") == ["token"]
    assert fields.get_all("X-Pickup-Answer-Key") == ["C" * 40]
    assert made.endswith(b"Subject: x\r\n\r\nbody\r\n")
    assert b"Answer" not in payload(content, NOBODY, "token", None)


def test_the_same_answer_makes_the_same_mail_from_us_to_the_sender_alone() -> None:
    answers = Answers(Address("pickup@courrier.hopital.example"), Language.FR)
    first, second = (answers.mail(PICKUP, DOCTOR, b"\xc1ciphertext", NOW) for _ in range(2))
    mail = read(first)
    assert first == second != answers.mail(PICKUP, DOCTOR, b"\xc1another", NOW)
    assert mail.get_content_type() == "multipart/encrypted"
    assert mail["From"].addresses[0].addr_spec == "pickup@courrier.hopital.example"
    assert (mail["To"], mail["Reply-To"]) == (DOCTOR.text, PATIENT.text)
    assert (mail["Subject"], mail["In-Reply-To"], mail["References"]) == ("[...]", "<1@x>", "<1@x>")
