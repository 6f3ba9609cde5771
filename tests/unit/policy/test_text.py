"""What rules compare of a text: as it looks to a reader, whatever a mail program made of it."""

from __future__ import annotations

import random
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from lab.timed import quickest

from relay.mail import headers
from relay.mail.encoded_words import MAX_TEXT
from relay.mail.shape import Shape
from relay.model import Address, Envelope, Inbound, Recipient
from relay.pipeline.facts import Facts
from relay.policy import Encryption, HeaderPattern, Message, Rule, SubjectPattern, Text, match, why_not
from relay.policy.text import DEFAULT_IGNORABLE, MAX_ELEMENTS

BOB = Address("bob@ville.example")
REQUIRED = Rule("medical", subjects=(SubjectPattern("[médical]"),))
SENSITIVE = Rule("sensitive", headers=(HeaderPattern("sensitivity", ("company-confidential",)),))
OTHERS = Rule("others", encrypt=Encryption.PREFERRED)


def taken(head: bytes, *rules: Rule) -> str:
    """The rule that a mail with this header falls under."""
    envelope = Envelope(Address("anne@hopital.example"), (Recipient(BOB),))
    inbound = Inbound("x", envelope, head + b"\r\n\r\nhi", datetime.now(UTC), "", "", "LMTP", single_answer=False)
    return match(rules, Facts(inbound, headers.split(inbound.content), Shape()).of(BOB)).name


@pytest.mark.parametrize(
    "subject",
    ["[confi\u00addentiel]", "[confi\u200bden\0tiel]", "\uff3bconfidentiel\uff3d", "[con\ufb01dentiel\u200d]"],
)
def test_a_word_in_the_subject_is_not_hidden_by_what_nobody_sees(subject: str) -> None:
    assert SubjectPattern("[Confidentiel]").matches(Text.of(subject))
    assert SubjectPattern(subject).matches(Text.of("[confidentiel]"))
    assert not SubjectPattern("[secret]").matches(Text.of(subject))


def test_a_pattern_that_nobody_sees_does_not_match_every_subject() -> None:
    assert not SubjectPattern("\u200b").matches(Text.of("plain"))


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("[médical]", "[MEDICAL]"),
        ("[medical]", "[Médical]"),
        ("[medical]", "[me\u0301dical]"),
        ("cœur", "COEUR"),
        ("[secret d'État]", "[Secret d\u2019Etat]"),
        ("łódź", "Lodz"),
        ("straße", "STRASSE"),
        ("ίατρικό", "ίατρικό".upper()),
        ("мёд", "МЕД"),
        ("mot-clé", "mot\u2011cle"),
        ("sjøkert", "SJOKERT"),
    ],
)
def test_case_and_accents_do_not_count(pattern: str, subject: str) -> None:
    assert SubjectPattern(pattern).matches(Text.of(subject))
    assert SubjectPattern(subject).matches(Text.of(f"x {pattern} y"))


@pytest.mark.parametrize(("pattern", "subject"), [("か", "が"), ("하", "한"), ("क", "ख"), ("[médical]", "[radical]")])
def test_other_letters_count(pattern: str, subject: str) -> None:
    assert not SubjectPattern(pattern).matches(Text.of(subject))


def test_each_character_that_unicode_says_to_ignore_hides_no_word() -> None:
    ignored = [char for char in map(chr, range(sys.maxunicode + 1)) if ord(char) in DEFAULT_IGNORABLE]
    assert len(ignored) == 4_174  # DerivedCoreProperties.txt of Unicode 15.1 says so
    for char in ignored:
        assert SubjectPattern("[médical]").matches(Text.of(f"[me{char}dical]")), hex(ord(char))
        assert not SubjectPattern("[médical]").matches(Text.of(char))


def test_what_is_put_between_letters_and_not_seen_hides_no_word() -> None:
    """Format characters, accents, enclosing marks, controls: 2,000 subjects, a fixed seed."""
    chance = random.Random(16)  # noqa: S311  not for secrets
    unseen = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in {"Cf", "Me"} or 0x300 <= ord(char) < 0x36F or ord(char) in DEFAULT_IGNORABLE
    ]
    hidden = 0
    for _ in range(2_000):
        subject = "".join(
            f"{letter}{''.join(chance.choices(unseen, k=chance.randint(0, 3)))}" for letter in "[MEDICAL]"
        )
        hidden += not SubjectPattern("[médical]").matches(Text.of(subject))
    assert hidden == 0


OVERLONG = b"Subject: " + b"x" * MAX_TEXT + b" [medical]"


@pytest.mark.parametrize(
    "head",
    [
        OVERLONG,
        b"Subject: " + b"=?utf-8?q?x?= " * 6_000 + b"[medical]",
        b"Subject: x\r\n" * 200 + b"Subject: [medical]",
        b"Subject: " + "é".encode() * MAX_TEXT + b"[medical]",
    ],
)
def test_a_subject_longer_than_rules_read_counts_as_a_match_where_encryption_is_required(head: bytes) -> None:
    assert taken(head, REQUIRED, OTHERS) == "medical"
    preferred = Rule("medical", subjects=REQUIRED.subjects, encrypt=Encryption.PREFERRED)
    never = Rule("never", subjects=REQUIRED.subjects, encrypt=Encryption.NEVER)
    assert taken(head, never, preferred, OTHERS) == "others"
    assert taken(b"Subject: " + b"x" * 4_000, REQUIRED, OTHERS) == "others"


@pytest.mark.parametrize(
    "value",
    [
        b"company-confidential;",
        b"Company-Confidential ; x=y",
        b"company-confidential (by policy (of the house))",
        b"(by policy) company-confidential",
        b'"Company-Confidential"',
        b"private, company-confidential",
        b"company-confidential,",
        b"=?utf-8?q?company-confidential?=;",
        b"company-confidential (never closed",
        b"x;" * (MAX_ELEMENTS + 1) + b"company-confidential",
        b"x" * MAX_TEXT + b"; company-confidential",
        b"x\r\nSensitivity: y" * 200 + b"\r\nSensitivity: company-confidential",
    ],
)
def test_a_header_field_is_compared_as_a_whole_and_by_its_elements_unless_the_rule_says_never(value: bytes) -> None:
    head = b"Sensitivity: " + value
    assert taken(head, SENSITIVE, OTHERS) == "sensitive"
    never = Rule("never", headers=SENSITIVE.headers, encrypt=Encryption.NEVER)
    assert taken(head, never, OTHERS) == "others"
    assert taken(b"Sensitivity: company-confidential", never, OTHERS) == "never"


@pytest.mark.parametrize(
    "value", [b"personal;", b"company-confidential-not", b"not company-confidential", b"", b";;,()"]
)
def test_a_header_field_with_another_value_does_not_match(value: bytes) -> None:
    assert taken(b"Sensitivity: " + value, SENSITIVE, OTHERS) == "others"


def test_explain_says_what_a_rule_would_have_seen() -> None:
    assert taken(OVERLONG, REQUIRED) == "medical"
    assert why_not(SENSITIVE, Message(None, BOB)) == ("the header sensitivity is not company-confidential")


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0300\u0327" * 32_000,  # marks that normalisation has to put in order
        "か" + "\u3099\u309a" * 32_000,
        "\ufdfa" * 65_000,
        "(" * 32_000 + ")" * 32_000,
        "a;" * 32_000,
        "".join(map(chr, range(0x4E_00, 0xD7_00))),
    ],
)
def test_no_text_takes_long_to_fold(text: str) -> None:
    assert quickest(lambda: Text.of(text)) < 0.3
