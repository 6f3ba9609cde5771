"""What a mail costs the store with a long trace, beside a store with none; JSON on standard output.

The store's part of a mail is one look at the ledger and one row of the trace; ten mails come at a time. The rows that
are there already are made by one SQL statement: as real ones for the indexes, with hashes that do not verify. Both
stores take turns. `cpu_ms` and `wall_ms` are of one mail, medians over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

from relay.model import Record
from relay.store import Store
from relay.store.schema import trace

AT_ONCE = 10
KEY = "AB" * 20
MADE = {
    "chain": "''",
    "number": "n",
    "time": "1.7e9 + n * 3.0",
    "id": "printf('%012x', n)",
    "queue_id": "printf('4Z%08dz9', n)",
    "message_id": "printf('<%d.abcdef@mail.hopital.example>', n)",
    "sender": "printf('person%d@hopital.example', n % 300)",
    "recipient": "printf('person%d@example.org', n % 2000)",
    "action": "'encrypt'",
    "rule": "'everyone else'",
    "reason": "'key found: keyring'",
    "fingerprint": f"'{KEY}'",
    "signed_by": f"'{KEY}'",
    "reply": "'250 2.0.0'",
    "size": "10000",
    "sender_key": "printf('person%d@hopital.example', n % 300)",
    "recipient_key": "printf('person%d@example.org', n % 2000)",
    "hash": "zeroblob(32)",
    "shadow": "0",
    "direction": "'out'",
    "mark": "''",
    "binding": "''",
}


def fill(file: Path, rows: int) -> None:
    """Write so many rows, without waiting for the disk."""
    names = [column.name for column in trace.columns]
    numbers = f"WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < {rows})"  # noqa: S608  our own numbers
    values = ", ".join(MADE[name] for name in names)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        database.execute(f"{numbers} INSERT INTO trace ({', '.join(names)}) SELECT {values} FROM row")  # noqa: S608  our own names
        database.execute("INSERT INTO trace_chain VALUES ('', 'head', ?, zeroblob(32))", (rows,))
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode=WAL")


def row() -> Record:
    """A new one: its identifiers stand anywhere in the indexes."""
    n = random.getrandbits(48)
    people = (f"person{n % 300}@hopital.example", f"person{n % 2000}@example.org")
    names = (f"{n:012x}", f"4Z{n:012x}", f"<{n}.abcdef@mail.hopital.example>")
    return Record(
        time.time(), *names, *people, "encrypt", "everyone else", "key found: keyring", KEY, KEY, "250 2.0.0", 10_000
    )


async def cost(store: Store, mails: int) -> tuple[float, float]:
    """Milliseconds of processor time, and of time, for a mail."""
    waiting = iter(range(mails))

    async def session() -> None:
        for _ in waiting:
            await store.ledger.served(os.urandom(32))
            await store.trace.write([row()])

    spent, begun = time.process_time(), time.monotonic()
    await asyncio.gather(*(session() for _ in range(AT_ONCE)))
    return (time.process_time() - spent) / mails * 1e3, (time.monotonic() - begun) / mails * 1e3


async def main(folder: Path, lengths: list[int], rounds: int, mails: int) -> dict[str, object]:
    async with AsyncExitStack() as stack:
        stores: dict[int, Store] = {}
        for length in lengths:
            await (await Store.open(folder / str(length))).close()
            if length:
                fill(folder / str(length), length)
            stores[length] = await stack.enter_async_context(await Store.open(folder / str(length)))
            await cost(stores[length], mails)  # not told: what is read for the first time
        taken = [{length: await cost(store, mails) for length, store in stores.items()} for _ in range(rounds)]
    return {
        str(length): {
            name: round(statistics.median(each[length][at] for each in taken), 4)
            for at, name in enumerate(("cpu_ms", "wall_ms"))
        }
        for length in lengths
    } | {"load": os.getloadavg()[0]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 10_000_000], help="ten million take 8 GB")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--mails", type=int, default=1500)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pr", dir=given.folder) as made:
        print(json.dumps(asyncio.run(main(Path(made), given.rows, given.rounds, given.mails))))
