"""What a correspondent reads in a challenge and in an invitation, by the ways that a site has."""

from __future__ import annotations

import email
import email.policy

import pytest

from relay.mail.enrolment_letters import EnrolmentLetters
from relay.mail.notice_texts import Language
from relay.model import Address, Mailbox
from relay.model.enrolment import Enrolment

TOKEN, KEY = "t" * 32, "ABCD" * 10
URL, KEYS = "https://cles.hopital.example", Address("cles@hopital.example")
BOB = Address("bob@ville.example")
ONE = Enrolment("c" * 64, BOB, KEY, b"key", 1_800_000_000.0, 1_800_172_800.0)


def letters(url: str = "", keys_to: Address | None = None, language: Language = Language.EN) -> EnrolmentLetters:
    sender = Mailbox.parse("Hôpital <postmaster@hopital.example>")
    return EnrolmentLetters(language, sender, "Hôpital", "relay.example", url, keys_to)


def read(mail: bytes) -> tuple[email.message.EmailMessage, str]:
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    return parsed, parsed.get_content()


@pytest.mark.parametrize(
    ("url", "keys_to", "there", "missing"),
    [
        (URL, None, [f"{URL}/keys/confirm/{TOKEN}"], [f"confirm {TOKEN}", "reply"]),
        ("", KEYS, [f"    confirm {TOKEN}\n", "signed with this key"], ["https://", "page"]),
        (URL, KEYS, [f"{URL}/keys/confirm/{TOKEN}", f"    confirm {TOKEN}\n", "\nor\n", "\nou\n"], []),
    ],
    ids=["page", "mail", "both"],
)
def test_a_challenge_says_how_it_is_answered(
    url: str, keys_to: Address | None, there: list[str], missing: list[str]
) -> None:
    parsed, text = read(letters(url, keys_to).challenge(ONE, TOKEN))
    text = text.replace("\r\n", "\n")
    assert parsed["Reply-To"] == (keys_to.text if keys_to else None)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert " ".join(["ABCD"] * 10) in text
    for words in there:
        assert words in text
    english = text.partition("_" * 60)[0]
    for words in missing:
        assert words not in english
    assert "$" not in text


def test_an_invitation_says_how_to_give_a_key_and_how_to_be_asked_no_more() -> None:
    _, both = read(letters(URL, KEYS).invitation(BOB, ONE.asked, TOKEN))
    for words in (f"{URL}/keys\n", f"{URL}/keys/confirm/{TOKEN}", f"not me {TOKEN}", str(KEYS)):
        assert words in both.replace("\r\n", "\n")
    _, by_mail = read(letters("", KEYS).invitation(BOB, ONE.asked, TOKEN))
    assert "http" not in by_mail
    assert f"not me {TOKEN}" in by_mail


def test_in_french_it_is_french_first_with_unbreakable_spaces() -> None:
    parsed, text = read(letters(URL, KEYS, Language.FR).invitation(BOB, ONE.asked, TOKEN))
    assert str(parsed["Subject"]).startswith("Un message confidentiel attend votre clé / A confidential message")
    french = text.partition("_" * 60)[0]
    assert "Pour nous la transmettre\xa0:" in french
    assert " :" not in french
