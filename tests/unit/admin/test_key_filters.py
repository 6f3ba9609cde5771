"""`keys list` with its filters: each takes what it says, and together they take what all of them do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.synthetic import certificate, entry

from relay.admin import keys
from relay.admin.keys import SORTS, Filter, every, some
from relay.model import Certificate, Entry, Origin, normalise_domain
from relay.store import Store

NOW = int(time.time())
DAY = 86400


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "s.db") as opened:
        made = [
            entry(certificate("carol", "carol@ville.example")),
            entry(certificate("bob", "bob@ville.example", expires=NOW + 10 * DAY)),
            entry(certificate("old", "old@clinique.example", expires=NOW - DAY)),
            entry(certificate("found", "alice@clinique.example"), origin=Origin.WKD),
            entry(certificate("Lefèvre 100 %", "lea@bücher.example"), proposed=True),
            entry(later(certificate("later", "later@ville.example", expires=NOW - DAY))),
        ]
        await opened.certificates.upsert(made)
        yield opened


def later(made: Certificate) -> Certificate:
    """The same, with a primary key that has not expired, and a subkey that is not valid yet beside the expired one."""
    primary, over = made.components
    new = replace(over, fingerprint="A" * 40, created=NOW + DAY, expires=None)
    return replace(made, components=(replace(primary, expires=None), over, new))


WANTED = {
    "": (Filter(), ["alice", "bob", "carol", "later", "lea", "old"]),
    "expired": (Filter(expired=True), ["old"]),
    "unusable": (Filter(unusable=True), ["later", "old"]),
    "within": (Filter(within=30.0 * DAY), ["bob"]),
    "domain": (Filter(domain="clinique.example"), ["alice", "old"]),
    "origin": (Filter(origin="wkd"), ["alice"]),
    "a name": (Filter(text="BOB@"), ["bob"]),
    "an address": (Filter(text="@VILLE"), ["bob", "carol", "later"]),
    "a fingerprint": (Filter(text=certificate("carol").fingerprint[-16:]), ["carol"]),
    "a fingerprint with spaces": (Filter(text=" ".join(certificate("bob").fingerprint[:12])), ["bob"]),
    "accents": (Filter(text="LEFÈVRE"), ["lea"]),
    "what a pattern of SQL means": (Filter(text="100 %"), ["lea"]),
    "nothing but a pattern": (Filter(text="_%_"), []),
    "what is no Unicode": (Filter(text="\udcff"), []),
    "quotes": (Filter(text='a"b'), []),
    "a domain with accents": (Filter(domain=normalise_domain("bücher.example")), ["lea"]),
    "the end of a domain": (Filter(domain="lle.example"), []),
    "proposed": (Filter(proposed=True), ["lea"]),
    "two": (Filter(domain="clinique.example", expired=True), ["old"]),
}


@pytest.mark.parametrize(("wanted", "names"), WANTED.values(), ids=WANTED)
async def test_it_takes_what_it_says(store: Store, wanted: Filter, names: list[str]) -> None:
    assert [each.certificate.addresses[0].local for each in await every(store, wanted)] == names


@pytest.mark.parametrize("wanted", [wanted for wanted, _ in WANTED.values()], ids=WANTED)
async def test_sql_leaves_out_none_of_them(store: Store, wanted: Filter) -> None:
    now = time.time()
    assert await every(store, wanted) == await every_looked_at(store, wanted, now)


async def every_looked_at(store: Store, wanted: Filter, now: float) -> list[Entry]:
    found = [entry async for entry in store.certificates.iterate() if wanted.takes(entry, now)]
    return sorted(found, key=SORTS["addresses"])


async def test_they_come_in_the_order_that_is_asked_for(store: Store) -> None:
    by = {
        sort: [e.certificate.addresses[0].local for e in await every(store, sort=sort)]
        for sort in ("expires", "origin")
    }
    assert by["expires"] == ["old", "bob", "alice", "carol", "later", "lea"]
    assert by["origin"] == ["bob", "carol", "later", "lea", "old", "alice"]


@pytest.mark.parametrize("text", ["", "BOB@", "@ville.example", "100 %", "_ob@", "17000", "LEFÈVRE", 'a"b'])
async def test_a_search_finds_what_the_filter_finds(store: Store, text: str) -> None:
    found = await some(store, text, 10)
    assert list(found.entries) == await every(store, Filter(text=text))
    assert not found.more


async def test_a_search_says_that_there_are_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await some(store, "example", 3)
    assert len(found.entries) == 3
    assert found.more
    monkeypatch.setattr(keys, "MOST_READ", 2)
    assert (await some(store, "example", 10)).more
    assert (await some(store, "", 3)).more
