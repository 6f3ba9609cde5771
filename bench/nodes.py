"""How many mails a second one PostgreSQL takes from 1, 2, 4 … nodes; JSON on standard output.

Each node is what a relay does with the store for a mail, and nothing else: the turn over all nodes, the ledger's
question, the row of the trace. All of them are in one process, so `mails_a_second` is a lower bound of what the server
takes: Python's time of all nodes together is in it. `server_ms` is the processor time of all of the server's processes
for a mail, `node_ms` that of this one; they say where the server would be full, on a busy machine too.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.postgresql import PostgreSQL, postgresql, programs
from lab.processes import Family

from relay.model import Record
from relay.pipeline.audit import Audit
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.transaction_lock import TransactionLocks
from relay.store import Network, Store

READERS = 4
_TEXTS = ("queue", "<m@x>", "a@x", "b@x", "encrypt", "rule", "because", "AB" * 20, "", "250 2.0.0", 1)


class VirtualNode:
    """The books of one relay."""

    def __init__(self, ledger: BufferedLedger, audit: Audit, name: str) -> None:
        self._ledger = ledger
        self._audit = audit
        self._name = name

    async def mail(self, number: int) -> None:
        """As for one that is delivered at once."""
        digest = hashlib.sha256(f"{self._name} {number}".encode()).digest()
        entry = await self._ledger.open(digest)
        try:
            await self._audit.write([Record(time.time(), f"{self._name}{number}", *_TEXTS)])
        finally:
            entry.close()


@asynccontextmanager
async def virtual_node(url: str, folder: Path, name: str) -> AsyncIterator[VirtualNode]:
    """One that is open."""
    async with await Store.open(url, network=Network(name, READERS)) as store:
        elsewhere = await store.turns()
        locks = TransactionLocks.at(folder / name, elsewhere)
        try:
            yield VirtualNode(BufferedLedger(store.ledger, locks), Audit(store.trace), name)
        finally:
            locks.close()
            if elsewhere:
                await elsewhere.close()


async def measured(server: PostgreSQL, folder: Path, count: int, sessions: int, seconds: float) -> dict[str, float]:
    """With so many nodes, each with so many mails in hand."""
    async with AsyncExitStack() as stack:
        opened = (virtual_node(server.url, folder, f"n{n}of{count}") for n in range(count))
        nodes = [await stack.enter_async_context(node) for node in opened]
        family = Family(server.pid)
        spent, ours, begun, done = family.seconds(), time.process_time(), time.monotonic(), 0

        async def session(node: VirtualNode, first: int) -> None:
            nonlocal done
            number = first
            while time.monotonic() < begun + seconds:
                await node.mail(number)
                number += sessions
                done += 1

        await asyncio.gather(*(session(node, first) for node in nodes for first in range(sessions)))
        took, spent, ours = time.monotonic() - begun, family.seconds() - spent, time.process_time() - ours
    return {
        "nodes": count,
        "mails_a_second": round(done / took),
        "server_ms": round(spent / done * 1000, 3),
        "node_ms": round(ours / done * 1000, 3),
        "load": round(os.getloadavg()[0], 1),
    }


async def main(counts: list[int], sessions: int, seconds: float) -> list[dict[str, float]]:
    where = programs()
    if where is None:
        raise SystemExit("PostgreSQL is not installed")
    with postgresql(where) as server, tempfile.TemporaryDirectory(prefix="pr", dir="/tmp") as folder:
        return [await measured(server, Path(folder), count, sessions, seconds) for count in counts]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(main(given.nodes, given.sessions, given.seconds))))
