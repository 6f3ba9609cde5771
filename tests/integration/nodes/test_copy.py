"""The store copied from SQLite to PostgreSQL and back: every row, and a trace that goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from lab.relay import Relay
from lab.synthetic import NOW, certificate, entry

from relay.model import Record
from relay.store import Answer, Network, Result, Store, StoredLedger
from relay.store.transfer import COPIED

ROWS = 2500


async def filled(where: str | Path, network: Network) -> None:
    """A store with rows of every kind that are awkward to copy: no Unicode, no value, more than a page."""
    async with await Store.open(where, clock=lambda: NOW, network=network) as store:
        await store.certificates.upsert([entry(certificate(f"n{n}", expires=int(NOW) + n)) for n in range(700)])
        await store.certificates.upsert(
            [entry(certificate("odd", "j\udcfc@x")), entry(certificate("p"), proposed=True)]
        )
        await store.answers.put([Answer("wkd", "new@example.org", NOW, Result.NOT_FOUND)])
        ledger: StoredLedger = store.ledger
        await ledger.record(b"\0t", ["a\udcfc@x", "b@x"])
        names = ("queue", "<m@x>", "a@x", "b@x", "encrypt", "rule", "because", "AB" * 20, "", "250 2.0.0", 1)
        rows = [Record(NOW + n, f"id{n}", *names, shadow=n % 2 == 0) for n in range(ROWS)]
        await store.trace.write(rows)
        assert await store.trace.prune(NOW + 10, now=NOW + ROWS) > 0


async def test_a_store_is_copied_to_a_server_and_back_and_is_the_same(
    database: str, record_property: Callable[[str, object], None]
) -> None:
    with Relay() as relay:
        relay.keyring.mkdir(mode=0o700)
        await filled(relay.keyring / "store.db", Network())
        there = json.loads(relay.run("store", "copy", "--to", database, "--json").stdout)
        assert set(there["rows"]) == {table.name for table in COPIED}
        assert there["rows"]["certificate"] == 702
        assert there["rows"]["ledger"] == 2

        again = relay.run("store", "copy", "--to", database, check=False)
        assert again.returncode == 1
        assert b"the target is not empty: it has rows in " in again.stderr

        relay.configure({**relay.settings, "database": database, "node": "alpha"})
        verified = json.loads(relay.run("trace", "--verify", "--json").stdout)
        assert verified["holds"]
        assert [chain["node"] for chain in verified["chains"]] == ["", "alpha"]
        head = there["heads"][0]
        relay.run("trace", "--verify", "--head", f"{head['number']}:{head['hash']}")

        back = relay.folder / "back.db"
        here = json.loads(relay.run("store", "copy", "--to", f"sqlite:///{back}", "--json").stdout)
        assert here["rows"] == there["rows"]
        assert here["heads"] == there["heads"]
        for table in COPIED:
            assert dumped(back, table.name) == dumped(relay.keyring / "store.db", table.name), table.name
        same = relay.run("store", "copy", "--to", database.replace("/site", "/other"), check=False)
        assert b"name the other kind" in same.stderr
        record_property("counted", f"{sum(here['rows'].values())} rows copied to a server and back")


def dumped(file: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr)  # noqa: S608  our own name
