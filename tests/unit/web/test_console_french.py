"""A French page has no English: what acts may say, what pages say, and dates and numbers as French has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from lab.program_texts import PACKAGE, texts

from relay.keys.ldap.reason import Reason as LdapReason
from relay.keys.wkd.reason import Reason as WkdReason
from relay.telemetry.events import Event
from relay.web.console.reasons import LONGEST, reason
from relay.web.console.texts import TEXTS
from relay.web.console.view import decimal, moment, size
from relay.web.pages import dates

SPEAKERS = re.compile(
    r"relay/(admin/(acts/|keys\.py|bindings\.py|four_eyes\.py|persons\.py|several_keys\.py|pickup\.py|"
    r"key_import/(admission|binary|importer|reader|result|revocations|splitter|storing)\.py)|"
    r"policy/pattern\.py|openpgp/(prefilter|examiner)\.py|daemon/health\.py|store/(approvals|key_changes)\.py)"
)
"""What the acts of the console are done by."""
SENTENCE = re.compile(r"(?=.*[a-z]{2,} [a-z“{]).*[a-zA-Z”\d}.)]", re.DOTALL)
UNSEEN = re.compile(
    r"(config show|(pickup|keys|console user) [a-z]+|import {wanted}|.*{pattern\.local}.*"
    r"|certificates?|of the .*|pickup\.(code:|hook:|url is null:) .*|.* not read yet|a login has 1 to .*"
    r"|{subject}: is .*|there is somebody.*|no-[a-z-]+ .*|GNUPG.*|--.*)"
)
"""Names, and what commands alone say."""
TOLD = re.compile(r"log\(\)\.(?:warning|error)\(\s*Event\.([A-Z_]+)")
SAME = {"Menu", "Pages", "Sources", "Audit", "Version", "Actions"}
"""Words of both languages."""


def said() -> Iterator[str]:
    for place, says in texts():
        if SPEAKERS.match(place) and SENTENCE.fullmatch(says) and not UNSEEN.fullmatch(says):
            yield re.sub(r"{\(?'(.*?)' if .*}", r"\1", says)


@pytest.mark.parametrize("sentence", dict.fromkeys([*said(), *WkdReason, *LdapReason]))
def test_a_french_page_says_what_an_act_says_in_french(sentence: str) -> None:
    assert reason(sentence, "fr") != sentence
    assert reason(sentence, "en") == sentence


def test_what_an_act_says_is_found() -> None:
    assert len(set(said())) > 50


def test_several_sentences_and_a_sentence_in_a_sentence_are_translated() -> None:
    assert reason("x: nothing is bound to it\nweak: RSA of 1024 bits", "fr") == (
        "x\xa0: rien n\u2019y est lié\nfaible\xa0: RSA de 1024 bits"
    )
    assert reason("{}: nothing is bound to it", "fr") == "{}\xa0: rien n\u2019y est lié"
    endless = ": is bound to : " * LONGEST
    assert reason(endless, "fr") == endless


def test_every_text_is_translated() -> None:
    same = {text for key, text in TEXTS["fr"].items() if text == TEXTS["en"][key]}
    assert same <= SAME
    assert not [text for text in TEXTS["fr"].values() if "fuzzy" in text]


def test_every_event_that_may_be_told_as_an_outage_has_words() -> None:
    known = {key.removeprefix("event.") for key in TEXTS["en"] if key.startswith("event.")}
    sources = [file.read_text("utf-8") for file in PACKAGE.rglob("*.py")]
    told = {name for text in sources for name in TOLD.findall(text)}
    assert len(told) > 5
    assert {Event[name].value for name in told} <= known


@pytest.mark.parametrize(
    ("language", "written"),
    [("fr", "1er\xa0décembre\xa02026 à\xa014:09"), ("en", "1\xa0December\xa02026, 14:09")],
)
def test_a_date_is_written_as_the_language_has_it(language: str, written: str) -> None:
    at = datetime(2026, 12, 1, 14, 9, 5, tzinfo=UTC)
    assert dates.moment(at, language) == written
    shown = moment(at.timestamp(), language)
    assert f'title="{written}:05 UTC"' in shown
    assert 'datetime="2026-12-01T14:09:05+00:00"' in shown
    assert dates.moment(at.astimezone(), language) in shown


def test_sizes_and_numbers_are_written_as_the_language_has_them() -> None:
    assert [size(octets, "fr") for octets in (1, 1536, 3 << 19)] == ["1\xa0Kio", "2\xa0Kio", "1,5\xa0Mio"]
    assert [size(octets, "en") for octets in (1, 1536, 3 << 19)] == ["1\xa0KiB", "2\xa0KiB", "1.5\xa0MiB"]
    assert (decimal(0.25, "fr"), decimal(0.25, "en")) == ("0,2", "0.2")
    assert dates.short_day(datetime(2026, 12, 1, tzinfo=UTC), "fr") == "1er\xa0déc."
