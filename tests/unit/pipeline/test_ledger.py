"""A transaction whose rows wait for the store is nobody else's until they are written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.fakes import FakeLedger

from relay.model.errors import StoreError
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.transaction_lock import TransactionLocks

MAIL = b"\x01" * 32
BOB = "bob@there.example"


class Process:
    """One of several that share a store; `store.down`: it alone cannot reach it."""

    def __init__(self, file: Path, rows: dict[bytes, set[str]]) -> None:
        self.store = FakeLedger(rows)
        self.locks = TransactionLocks.at(file)
        self.ledger = BufferedLedger(self.store, self.locks)

    async def serves(self) -> None:
        """The next hop takes the mail, and then the store does not take the row."""
        entry = await self.ledger.open(MAIL)
        self.store.down = True
        assert await entry.record([BOB]) == 1
        entry.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    rows: dict[bytes, set[str]] = {}
    pair = Process(tmp_path / "turns", rows), Process(tmp_path / "turns", rows)
    yield pair
    for each in pair:
        each.locks.close()


async def test_who_was_served_while_the_store_took_no_row_is_not_served_again_by_another_process(
    processes: tuple[Process, Process],
) -> None:
    first, other = processes
    await first.serves()
    with pytest.raises(StoreError, match="not written down yet"):
        await other.ledger.open(MAIL)
    first.store.down = False
    await first.ledger.write_rest()
    entry = await other.ledger.open(MAIL)
    assert entry.known == {BOB}
    entry.close()


async def test_a_retry_where_the_rows_wait_is_told_at_once_and_writes_them_when_the_store_is_back(
    processes: tuple[Process, Process],
) -> None:
    first, _ = processes
    await first.serves()
    with pytest.raises(StoreError):
        await first.ledger.open(MAIL)
    first.store.down = False
    entry = await first.ledger.open(MAIL)
    assert entry.known == {BOB}
    entry.close()


async def test_who_waits_for_an_attempt_whose_rows_cannot_be_written_is_put_off_when_it_is_over(
    processes: tuple[Process, Process],
) -> None:
    first, other = processes
    entry = await first.ledger.open(MAIL)
    waiting = [asyncio.ensure_future(each.ledger.open(MAIL)) for each in processes]
    await asyncio.sleep(0)
    first.store.down = True
    await entry.record([BOB])
    entry.close()
    told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert [type(each) for each in told] == [StoreError, StoreError]
    first.store.down = False
    await first.ledger.write_rest()
    assert (await other.ledger.open(MAIL)).known == {BOB}


async def test_a_transaction_that_was_kept_and_released_is_like_any_other(processes: tuple[Process, Process]) -> None:
    first, other = processes
    await first.serves()
    first.store.down = False
    await first.ledger.write_rest()
    (await other.ledger.open(MAIL)).close()
    entry = await first.ledger.open(MAIL)
    waits = asyncio.ensure_future(other.ledger.open(MAIL))
    await asyncio.sleep(0.2)
    assert not waits.done()
    entry.close()
    (await waits).close()
