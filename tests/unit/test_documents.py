"""What the relay says to people is found in the documents, word for word."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay import replies
from relay.keys.ldap.reason import Reason as LdapReason
from relay.keys.wkd.reason import Reason as WkdReason
from relay.mail.notice import Kind
from relay.metrics.reference import table
from relay.model import Reply, Why

ROOT = Path(__file__).resolve().parents[2]
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text()
KEYS = (ROOT / "docs" / "keys.md").read_text()
CLINICIENS = (ROOT / "docs" / "fr" / "cliniciens.md").read_text()
TEMPLATES = ROOT / "relay" / "mail" / "templates" / "fr"

ID = "1M85YNFJQFTMGK1"
ARGUMENTS = {"id_": ID, "limit": 4711}


def own_replies() -> Iterator[Reply]:
    """Each reply whose words are ours; those built from other replies or from the next hop's come after."""
    for _, make in inspect.getmembers(replies, inspect.isfunction):
        parameters = inspect.signature(make).parameters
        if (
            make.__module__ == replies.__name__
            and not make.__name__.startswith("_")
            and ARGUMENTS.keys() >= set(parameters)
        ):
            yield make(**{name: ARGUMENTS[name] for name in parameters})
    for code, enhanced in ((250, "2.0.0"), (550, "5.0.0")):
        yield replies.from_next_hop(code, f"{enhanced} theirs", seen_content=True)


@pytest.mark.parametrize("reply", list(own_replies()), ids=lambda reply: reply.text.replace(ID, ""))
def test_every_reply_is_explained(reply: Reply) -> None:
    words = reply.text.removesuffix(f", id {ID}").replace("4711", "…")

    assert words in TROUBLESHOOTING


def test_no_reply_was_overlooked() -> None:
    source = inspect.getsource(replies)

    assert len(list(own_replies())) >= source.count("Reply(") - source.count("Reply(code") > 10


@pytest.mark.parametrize("reason", [*WkdReason, *LdapReason])
def test_every_reason_of_an_outage_is_explained(reason: str) -> None:
    assert reason in TROUBLESHOOTING


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.NO_KEY])
def test_every_reason_against_a_key_is_explained(why: Why) -> None:
    assert why in KEYS


@pytest.mark.parametrize("kind", Kind)
def test_clinicians_find_the_subject_of_each_notice(kind: Kind) -> None:
    subject = (TEMPLATES / f"{kind.value}.txt").read_text().splitlines()[0]

    assert subject in CLINICIENS


def test_every_figure_stands_in_the_page_on_monitoring() -> None:
    assert table() in (ROOT / "docs" / "monitoring.md").read_text(), "python -m relay.metrics.reference"


@pytest.mark.parametrize("word", ["starting", "store", "engine", "next_hop", "stopping", "stalled"])
def test_every_word_of_readyz_is_explained(word: str) -> None:
    assert f"| `{word}` |" in (ROOT / "docs" / "monitoring.md").read_text()
