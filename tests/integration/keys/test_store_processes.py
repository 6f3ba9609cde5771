"""Several processes on one store: workers, commands, and one that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from lab.synthetic import certificate, entry

from relay.model import Address
from relay.model.errors import StoreError
from relay.store import Store

TESTS = Path(__file__).parents[2]


def _python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(TESTS)},
    )


def _finished(children: list[subprocess.Popen[str]]) -> list[str]:
    results = [child.communicate(timeout=60) for child in children]
    assert [(c.returncode, err) for c, (_, err) in zip(children, results, strict=True)] == [(0, "")] * len(children)
    return [out for out, _ in results]


OPEN = """
import asyncio, sys
from relay.store import Store
async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with await Store.open(sys.argv[1]) as store:
        await store.ledger.record(b"t", [sys.argv[2]])
asyncio.run(main())
"""


async def test_processes_that_open_a_new_store_at_the_same_moment_do_not_collide(tmp_path: Path) -> None:
    children = [_python(OPEN, str(tmp_path / "s.db"), str(n)) for n in range(6)]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    _finished(children)
    async with await Store.open(tmp_path / "s.db") as store:
        assert await store.ledger.served(b"t") == {str(n) for n in range(6)}


async def test_a_new_store_was_not_opened_while_another_process_wrote_its_first_tables(tmp_path: Path) -> None:
    """SQLite refuses to change to WAL at once then, and does not wait."""
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError):
            await Store.open(path, busy_seconds=0.01)
        opening = asyncio.create_task(Store.open(path))
        await asyncio.wait({opening}, timeout=0.2)
        assert not opening.done()
        other.execute("ROLLBACK")
    async with await opening as store:
        assert await store.ledger.served(b"t") == set()


RECORD = """
import asyncio, sys
from relay.store import Store
async def main():
    store = await Store.open(sys.argv[1])
    await store.ledger.record(b"t", ["a@x", "b@x"])
    print("recorded", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_what_was_recorded_survives_kill_9(tmp_path: Path) -> None:
    child = _python(RECORD, str(tmp_path / "s.db"))
    assert child.stdout
    assert child.stdout.readline() == "recorded\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    async with await Store.open(tmp_path / "s.db") as store:
        assert await store.ledger.served(b"t") == {"a@x", "b@x"}


MIDWAY = """
import asyncio, sys
from sqlalchemy import text
from relay.store import Store
def work(connection):
    connection.execute(text("INSERT INTO ledger (digest, recipient, recorded) VALUES (x'74', x'62', 9e9)"))
    print("midway", flush=True)
    sys.stdin.readline()
async def main():
    async with await Store.open(sys.argv[1]) as store:
        await store.database.write(work)
asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_one_that_dies_in_the_middle_of_a_write_frees_the_others_and_one_that_stands_still_keeps_them_a_while(
    tmp_path: Path, end: signal.Signals
) -> None:
    path = tmp_path / "s.db"
    async with await Store.open(path, busy_seconds=60 if end == signal.SIGKILL else 0.5) as store:
        child = _python(MIDWAY, str(path))
        assert child.stdin
        assert child.stdout
        assert await asyncio.to_thread(child.stdout.readline) == "midway\n"
        writing = asyncio.create_task(store.ledger.record(b"t", ["a"]))

        os.kill(child.pid, end)

        if end == signal.SIGSTOP:
            with pytest.raises(StoreError, match="locked by another process"):
                await writing
            os.kill(child.pid, signal.SIGCONT)
            child.stdin.write("go on\n")
        await asyncio.to_thread(child.communicate)
        await store.ledger.record(b"t", ["a"])
        if end == signal.SIGKILL:
            await writing
        assert await store.ledger.served(b"t") == ({"a"} if end == signal.SIGKILL else {"a", "b"})


CHANGE = """
import asyncio, sys
from lab.synthetic import certificate, entry
from relay.store import Store
async def main():
    async with await Store.open(sys.argv[1]) as store:
        for line in sys.stdin:
            verb, name = line.split()
            if verb == "add":
                await store.certificates.upsert([entry(certificate(name))])
            else:
                await store.certificates.remove(certificate(name).fingerprint)
            print("done", flush=True)
asyncio.run(main())
"""


async def test_what_another_process_imports_or_removes_counts_within_a_second(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        child = _python(CHANGE, str(tmp_path / "s.db"))
        assert child.stdin
        assert child.stdout
        for verb, there in (("add", True), ("remove", False), ("add", True)):
            for name in ("bob", "carol"):
                address = Address(f"{name}@example.org")
                assert bool(await store.certificates.by_address(address)) != there
                child.stdin.write(f"{verb} {name}\n")
                child.stdin.flush()
                await asyncio.to_thread(child.stdout.readline)
                asked = changed = time.monotonic()
                while bool(await store.certificates.by_address(address)) != there:
                    assert asked - changed < 1
                    await asyncio.sleep(0.01)
                    asked = time.monotonic()
        child.stdin.close()
        child.stdin = None
        _finished([child])


async def test_a_restored_backup_counts_within_a_second(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415 - the command that restores does it this way

    path = tmp_path / "s.db"
    async with await Store.open(path) as store:
        await store.certificates.upsert([entry(certificate("bob"))])
        live, kept = sqlite3.connect(path), sqlite3.connect(tmp_path / "backup.db")
        live.backup(kept)
        await store.certificates.remove(certificate("bob").fingerprint)
        assert await store.certificates.by_address(Address("bob@example.org")) == []
        kept.backup(live)
        live.close()
        kept.close()
        asked = restored = time.monotonic()
        while not await store.certificates.by_address(Address("bob@example.org")):
            assert asked - restored < 1
            await asyncio.sleep(0.01)
            asked = time.monotonic()


WRITE = """
import asyncio, sys
from relay.store import Store
from relay.model import Record
def record(n):
    return Record(float(n), f"{sys.argv[2]}-{n}", "", "", "a@x", "b@x", "encrypt", "r", "w", "", "", "250 2.0.0", n)
async def main():
    async with await Store.open(sys.argv[1]) as store:
        for start in range(0, 200, 10):
            await asyncio.gather(*(store.trace.write([record(n)]) for n in range(start, start + 10)))
asyncio.run(main())
"""


async def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    _finished([_python(WRITE, str(tmp_path / "s.db"), str(n)) for n in range(3)])
    async with await Store.open(tmp_path / "s.db") as store:
        verdict = await store.trace.verify()
        assert (verdict.holds, verdict.checked) == (True, 600)
        assert len({r.id async for r in store.trace.select()}) == 600


@pytest.mark.parametrize("pruned", [False, True])
async def test_verifying_while_others_write_or_prune_finds_no_fault(tmp_path: Path, *, pruned: bool) -> None:
    child = _python(WRITE, str(tmp_path / "s.db"), "x")
    async with await Store.open(tmp_path / "s.db") as store:
        while child.poll() is None:
            assert (await store.trace.verify()).holds
            if pruned:
                await store.trace.prune(150.0, now=1e9)
            await asyncio.sleep(0)
        assert (await store.trace.verify()).holds
    _finished([child])
