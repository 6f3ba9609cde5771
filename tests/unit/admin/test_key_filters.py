"""`keys list` with its filters: each takes what it says, and together they take what all of them do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.synthetic import certificate, entry

from relay.admin.keys import Filter, every
from relay.model import Origin
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
        ]
        await opened.certificates.upsert(made)
        yield opened


WANTED = {
    "": (Filter(), ["alice", "bob", "carol", "old"]),
    "expired": (Filter(expired=True), ["old"]),
    "unusable": (Filter(unusable=True), ["old"]),
    "within": (Filter(within=30.0 * DAY), ["bob"]),
    "domain": (Filter(domain="clinique.example"), ["alice", "old"]),
    "origin": (Filter(origin="wkd"), ["alice"]),
    "a name": (Filter(text="BOB@"), ["bob"]),
    "an address": (Filter(text="@VILLE"), ["bob", "carol"]),
    "a fingerprint": (Filter(text=certificate("carol").fingerprint[-16:]), ["carol"]),
    "proposed": (Filter(proposed=True), []),
    "two": (Filter(domain="clinique.example", expired=True), ["old"]),
}


@pytest.mark.parametrize(("wanted", "names"), WANTED.values(), ids=WANTED)
async def test_it_takes_what_it_says(store: Store, wanted: Filter, names: list[str]) -> None:
    assert [each.certificate.addresses[0].local for each in await every(store, wanted)] == names


async def test_they_come_in_the_order_that_is_asked_for(store: Store) -> None:
    by = {
        sort: [e.certificate.addresses[0].local for e in await every(store, sort=sort)]
        for sort in ("expires", "origin")
    }
    assert by == {"expires": ["old", "bob", "alice", "carol"], "origin": ["bob", "carol", "old", "alice"]}
