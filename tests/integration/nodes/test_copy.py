"""The store copied from SQLite to PostgreSQL and back: every row, and a trace that goes on."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from lab.relay import Relay
from lab.synthetic import NOW, certificate, entry

from relay.admin.copying import copy
from relay.config import parse
from relay.model import Record
from relay.store import Answer, Network, Result, Store, StoredLedger
from relay.store.transfer import COPIED

ROWS = 2500
PAGE = 5000
FIRST = 500
"""Certificates that the store writes; the others are made of them."""
AGAIN = """INSERT INTO certificate SELECT
    hex(randomblob(20)), key_id, origin, updated, proposed, expires, data, verdict, version FROM certificate"""
LONGEST = 300.0
"""Seconds."""


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


async def test_a_copy_goes_to_the_current_folder_or_is_refused_in_a_sentence(database: str) -> None:
    with Relay({"database": database, "node": "alpha"}) as relay:
        relay.keyring.mkdir(mode=0o700)
        relay.run("store", "copy", "--to", "sqlite:///back.db")
        assert dumped(relay.folder / "back.db", "trace_chain") == []
        before = set(relay.folder.iterdir())
        for url, told in (
            ("sqlite:///none/back.db", "the store's folder does not exist"),
            ("sqlite:///file:x?mode=memory&uri=true", "sqlite:///file has no options"),
            ("sqlite:///other.db?mode=ro", "sqlite:///file has no options"),
            ("sqlite://host/other.db", "the database is SQLite in a file, or PostgreSQL"),
        ):
            done = relay.run("store", "copy", "--to", url, check=False)
            assert (done.returncode, done.stdout) == (1, b"")
            assert told in done.stderr.decode(), url
        assert set(relay.folder.iterdir()) == before


def dumped(file: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr)  # noqa: S608  our own name


@pytest.mark.parametrize(
    ("certificates", "rows"),
    [(1_000, 5_000), pytest.param(100_000, 1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(2400)])],
)
@pytest.mark.alone
async def test_a_large_store_is_copied_within_five_minutes_each_way(
    database: str, tmp_path: Path, certificates: int, rows: int, record_property: Callable[[str, object], None]
) -> None:
    folder = tmp_path / "keyring"
    folder.mkdir(mode=0o700)
    await large(folder / "store.db", certificates, rows)
    base = f"keyring: {folder}\nlookup: {{sources: [keyring]}}\npolicy: [{{name: all, encrypt: preferred}}]\n"
    base += "reinject: smtp://127.0.0.1:10026\nnotices: {from: postmaster@front.example}\nlisten: [lmtp://127.0.0.1:10025]\n"
    begun = time.monotonic()
    there = await copy(parse(base.encode(), tmp_path / "config.yaml"), database)
    to_server = time.monotonic() - begun
    begun = time.monotonic()
    shared = parse(f"{base}database: {database}\n".encode(), tmp_path / "config.yaml")
    back = await copy(shared, f"sqlite:///{tmp_path / 'back.db'}")
    to_file = time.monotonic() - begun
    record_property(
        "counted",
        f"{certificates} certificates and {rows} rows of the trace: {to_server:.0f} s to a server, "
        f"{to_file:.0f} s back; load {os.getloadavg()[0]:.0f}",
    )
    assert there == back
    assert (there.rows["certificate"], there.rows["trace"] >= rows) == (certificates, True)
    assert max(to_server, to_file) < LONGEST


async def large(where: Path, certificates: int, rows: int) -> None:
    """With so many of both."""
    async with await Store.open(where, clock=lambda: NOW) as store:
        await store.certificates.upsert([entry(certificate(f"n{n}")) for n in range(FIRST)])
        names = ("queue", "<m@x>", "a@x", "b@x", "encrypt", "rule", "because", "AB" * 20, "", "250 2.0.0", 1)
        for start in range(0, rows, PAGE):
            page = range(start, min(start + PAGE, rows))
            await store.trace.write([Record(NOW + n, f"id{n}", *names) for n in page])
    with closing(sqlite3.connect(where)) as database, database:
        for start in range(FIRST, certificates, FIRST):
            database.execute(f"{AGAIN} LIMIT {min(FIRST, certificates - start)}")
