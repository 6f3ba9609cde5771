"""Every page in French, with something on it, and after each kind of mistake: no English is left."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest
from lab.certificates import make_keypair
from lab.console import Console, Page, Visitor, proposed
from lab.relay import Relay

from relay.model import Record
from relay.model.incoming import RULE
from relay.store import Store
from relay.web.console import reasons
from relay.web.console.texts import TEXTS
from relay.web.console.view import MENU

DECIDED = (
    ("encrypt", "key found: keyring"),
    ("clear", "the rule says never"),
    ("hold", "no key is known"),
    ("refuse", "the key has expired"),
    ("defer", "the key found cannot be examined now"),
    ("pickup", "no key is known, and it is too large for a pick-up"),
    ("decrypt", "signature good"),
    ("verify", "signature unknown"),
    ("pass", "stays closed: not-entitled"),
)
INCOMING = frozenset({"decrypt", "verify", "pass"})
WORD = re.compile(r"[a-zA-ZÀ-ÿ]{2,}")
SHOWN = re.compile(r'(?:placeholder|title|aria-label|data-name|alt)="([^"]*)"')
AS_IT_IS = re.compile(
    r'<pre.*?</pre>|<(td|dd|span|p|textarea) class="[^"]*mono[^"]*".*?</\1>|<svg.*?</svg>|<input class="mono"[^>]*>',
    re.DOTALL,
)
"""Names and octets: the same in every language."""
ENGLISH = frozenset(
    WORD.findall(
        "the of is are was were be been and not no with without from this that these which who whose it its they all "
        "any other another key keys mail mails message messages has have had may must can does do did than then there "
        "here at in into for to by or if as after before until since when where use used only also once twice now "
        "never always wrong missing waits waiting found find unknown new old first second last name inbound"
    )
)
BOTH = frozenset(WORD.findall("keyring or an on est des as message messages date but pour par de la le les in"))


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    settings = {"policy": [{"name": "interne", "to": "*@hopital.example", "encrypt": "never"}, {"name": "tous"}]}
    with Relay(settings) as relay, Console(relay) as console:
        for name in ("alice", "luc"):
            relay.run("keys", "import", "-", content=make_keypair(f"<{name}@ville.example>").public)
        gateway = make_keypair("<passerelle@clinique.example>")
        relay.run("keys", "import", "-", content=gateway.public)
        relay.run("keys", "bind", "*@clinique.example", gateway.fingerprint)
        asyncio.run(proposed(relay, make_keypair("<mairie@ville.example>")))
        asyncio.run(filled(relay))
        console.invite("bruno", "desk")
        relay.start()
        yield console


@pytest.fixture(scope="module")
def anne(site: Console) -> Visitor:
    return site.logged_in("anne", "admin", language="fr")


async def filled(relay: Relay) -> None:
    async with await Store.open(relay.keyring / "store.db") as store:
        await store.trace.write([*waited(), *(row(number, *each) for number, each in enumerate(DECIDED))])


def waited() -> list[Record]:
    """The first mail had two recipients, and each of them waited."""
    first = row(0, "hold", "no key is known")
    tries = [replace(first, id=f"ID0010{number}", time=first.time - 600 + number) for number in range(3)]
    return [*tries, replace(tries[0], recipient="autre@ville.example")]


def row(number: int, action: str, why: str) -> Record:
    return Record(
        time=time.time() - 60 * number,
        id=f"ID0000{number}",
        queue_id=f"4F0000{number}",
        message_id=f"<{number}@hopital.example>",
        sender="dr@hopital.example",
        recipient=f"r{number}@ville.example",
        action=action,
        rule=RULE if action in INCOMING else "tous",
        reason=why,
        fingerprint="",
        signed_by="",
        reply="450 4.7.1" if action == "hold" else "250 2.0.0",
        size=2_000_000,
        direction="in" if action in INCOMING else "out",
    )


def english() -> set[str]:
    """Words of our English texts that no French one has, and the commonest English ones."""
    french = words(" ".join([*TEXTS["fr"].values(), *sentences().values()]))
    ours = words(" ".join([*TEXTS["en"].values(), *sentences()]))
    return (ours - french | {*ENGLISH}) - {*BOTH}


def sentences() -> dict[str, str]:
    return dict(reasons._sentences())


def words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)}


def left(page: Page) -> set[str]:
    """English words that somebody sees on it."""
    text = page.text[page.text.index("<body") :]
    text = re.sub(r'<a class="language".*?</a>', " ", text)
    text = AS_IT_IS.sub(" ", text)
    seen = " ".join(SHOWN.findall(text)) + " " + re.sub(r"<[^>]*>", " ", text)
    seen = re.sub(r"[\w.*+-]*@[\w.*-]+|console:\w+|cli:\w+|pgp-relay [a-z -]+|systemctl [a-z -]+", " ", unescape(seen))
    return words(seen) & english()


@pytest.mark.parametrize("path", [path for _, path, _ in MENU])
def test_no_page_has_english_in_french(anne: Visitor, path: str) -> None:
    assert left(anne.get(path)) == set()


def test_no_page_of_one_thing_has_english_in_french(site: Console, anne: Visitor) -> None:
    keys = re.findall(r'"/keys/([0-9A-F]{40})"', anne.get("/keys").text)
    paths = [f"/messages/ID0000{number}" for number in range(len(DECIDED))] + [f"/keys/{keys[0]}", "/audit?verify=1"]
    paths += [
        "/nothing",
        "/?a=1&a=2",
        "/?period=week",
        "/?period=month",
        "/explain?from=dr@hopital.example&to=alice@ville.example",
    ]
    for path in paths:
        assert left(anne.get(path)) == set(), path
    for path in ("/login", site.invite("carole", "desk"), "/enrol/" + "x" * 43):
        assert left(site.visitor("fr").get(path)) == set(), path


def test_a_mail_said_how_often_it_was_tried_and_not_what_became_of_its_recipients(anne: Visitor) -> None:
    head, _, _ = anne.get("/messages/ID00000").text.partition("<ol")
    assert re.findall(r"<strong>(\d+)</strong> <span[^>]*>([^<]*)", head) == [("1", "chiffré"), ("1", "en attente")]
    assert 'class="counts' not in anne.get("/messages/ID00001").text


def test_no_mistake_is_told_in_english(anne: Visitor) -> None:
    anne.get("/bindings")
    told = [
        anne.post("/bindings", {"act": "bind", "pattern": "*@com", "fingerprints": "0" * 40}),
        anne.post("/bindings", {"act": "bind", "pattern": "", "fingerprints": ""}),
        anne.post("/bindings", {"act": "unbind", "pattern": "*@nulle.example"}),
        anne.post("/proposals", {"act": "approve", "fingerprint": "0" * 40}),
        anne.post("/proposals", {"act": "reject", "fingerprint": "0" * 40}),
        anne.post("/held", {"act": "release", "queue_id": "4F00002"}),
        anne.post("/held", {"act": "withdraw", "id": "0123456789"}),
        anne.post("/users", {"act": "disable", "name": "anne"}),
        anne.post("/users", {"act": "enable", "name": "xavier"}),
        anne.post("/keys", {"act": "import", "keys": "bonjour"}),
        anne.post("/keys", {"act": "import", "keys": ""}),
        anne.post("/keys", {"act": "propose", "keys": "bonjour"}),
        anne.get("/messages?text=rien"),
        anne.get("/messages?since=hier"),
        anne.get("/messages/ID99999"),
        anne.get("/keys/" + "0" * 40),
        anne.get("/explain?from=x&to=y"),
    ]
    for number, page in enumerate(told):
        assert page.status < 500
        assert left(page) == set(), number
    assert any('role="alert"' in page.text for page in told)


def test_english_on_a_french_page_is_seen(site: Console, anne: Visitor) -> None:
    page = anne.get("/held")
    assert left(Page(200, {}, page.text.replace("<h1>", "<h1>No key is known "))) >= {"key", "is"}
    assert site.visitor("fr").get("/login").text.count("Mot de passe") == 1
