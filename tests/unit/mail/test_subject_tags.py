# ruff: noqa: RUF001  characters that look alike are what this is about

from __future__ import annotations

import time

import pytest

from relay.mail import headers, subject_tags

TAGS = ("[chiffré]", "[signé]")

READ_ALIKE = [
    "[chiffré]",
    "[CHIFFRÉ]",
    "[chiffre]",
    "[chiffre\u0301]",
    "[c\u0336h\u0336iffré]",
    "[ chiffré ]",
    "[c h i f f r é]",
    "［ｃｈｉｆｆｒé］",
    "[𝐜𝐡𝐢𝐟𝐟𝐫𝐞]",
    "[ⓒⓗⓘⓕⓕⓡⓔ]",
    "[🄲🄷🄸🄵🄵🅁🄴]",
    "[🅲🅷🅸🅵🅵🆁🅴]",
    "[🇨🇭🇮🇫🇫🇷🇪]",
    "[⒞⒣⒤⒡⒡⒭⒠]",
    "[chi\u200bff\u00adré]",
    "[chi\u202effré]",
    "[chi\u3164ffré]",
    "[chi\u2800ffré]",
    "[chiffr\u00e9\ufe0f]",
    "[сhiffré]",
    "[сһіffrе]",
    "[chιffrε]",
    "[ᴄʜɪꜰꜰʀᴇ]",
    "[ƈħɨƒƒɍɇ]",
    "[ch1ffr3]",
    "[chlffré]",
    "[ch|ffré]",
    "【chiffré】",
    "〔chiffré〕",
    "⟦chiffré⟧",
    "[СНІFFRÉ]",
    "[Ꮯhiffré]",
    "[ﬁgné]".replace("ﬁ", "si"),
    "[ѕіgné]",
    "[sıgné]",
    "[SİGNÉ]",
    "[5igné]",
    "[ſigné]",
    "[si\u0261n\u00e9]",
    "[s\u00ccgné]",
    "[signé\u0338]",
]
LEFT = [
    "Dossier chiffré",
    "(chiffré)",
    "« chiffré »",
    "[chiffré",
    "chiffré]",
    "[déchiffré]",
    "[chiffrés]",
    "[signée]",
    "[]",
    "",
    "[CHU] Compte rendu signé",
    "[signe et chiffre]",
]


@pytest.mark.parametrize("tag", READ_ALIKE)
def test_whatever_reads_like_a_tag_goes(tag: str) -> None:
    for subject in (tag, f"{tag} Résultats", f"Re: {tag} Résultats", f"Résultats {tag}", tag * 3):
        left = subject_tags.untagged(subject, TAGS)
        assert left.split() == [word for word in subject.replace(tag, " ").split() if word.strip()]


@pytest.mark.parametrize("subject", LEFT)
def test_what_reads_otherwise_stays(subject: str) -> None:
    assert subject_tags.untagged(subject, TAGS) is subject


@pytest.mark.parametrize(
    "nested", ["[chi[chiffré]ffré]", "[chi[signé]ffré]", "[si[chi[si[chiffré]gné]ffré]gné]", "[[chiffré]chiffré]"]
)
def test_none_comes_to_light_when_another_goes(nested: str) -> None:
    assert subject_tags.untagged(f"a {nested} b", TAGS) == "a  b"


def test_long_subjects_take_linear_time() -> None:
    begun = time.process_time()
    assert subject_tags.untagged("[chiffr" * 9000 + "é]" * 9000, TAGS) == ""
    assert subject_tags.untagged("[chiffr" * 18000, TAGS)
    assert time.process_time() - begun < 3


def tagged(head: bytes, *added: str) -> bytes:
    return b"".join(field.raw for field in subject_tags.retagged(headers.split(head).fields, TAGS, added))


def test_the_field_stays_as_it_came_where_nothing_is_changed() -> None:
    head = b"From: a@b.example\r\nsubject : =?iso-8859-1?q?caf=E9?=\r\n\tau lait\r\n\r\n"

    assert tagged(head) == head.removesuffix(b"\r\n")


def test_forged_tags_in_encoded_words_and_in_each_of_several_subjects() -> None:
    head = "Subject: =?utf-8?q?=5Bchiffr?= =?utf-8?q?=C3=A9=5D?= a\r\nSubject: [signé] b\r\n\r\n".encode()

    assert tagged(head) == b"Subject: a\r\nSubject: b\r\n"


def test_ours_stands_in_front_of_the_first_alone() -> None:
    assert tagged(b"Subject: [signe] a\r\nSubject: b\r\n\r\n", "[chiffré]", "[signé]") == (
        b"Subject: =?utf-8?b?W2NoaWZmcsOpXSBbc2lnbsOpXSBh?=\r\nSubject: b\r\n"
    )
    assert tagged(b"From: a@b.example\r\n\r\n", "[enc]") == b"From: a@b.example\r\nSubject: [enc]\r\n"


def test_no_subject_breaks_the_header() -> None:
    for subject in (
        "a\r\nX-PGP-Relay: forged",
        "a\nb",
        "\ud800",
        "a\0b",
        "x" * 100_000,
        "=?utf-8?q?a?=",
        " ",
        "é " * 40_000,
    ):
        field = subject_tags.field(subject)
        assert [one.name for one in headers.split(field.raw + b"\r\n").fields] == ["subject"]
        assert max(map(len, field.raw.split(b"\r\n"))) <= 998
        assert not headers.faulty(field.raw)
    assert headers.decoded(subject_tags.field("=?utf-8?q?a?=")) == "=?utf-8?q?a?="
