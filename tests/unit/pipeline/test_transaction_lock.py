"""Attempts at one transaction: one after another, in one process and in several."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.pipeline import transaction_lock
from relay.pipeline.transaction_lock import TransactionLocks

ONE, OTHER = b"\xff" * 32, b"\x01" * 32
HOLD = """
import asyncio, sys
from pathlib import Path
from relay.pipeline.transaction_lock import TransactionLocks

async def hold():
    await TransactionLocks.at(Path(sys.argv[1])).acquire(b"\\xff" * 32)
    print("held", flush=True)
    await asyncio.sleep(600)

asyncio.run(hold())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "turns"


@pytest.fixture
def somebody(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the midst of transaction ONE."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_second_attempt_waits_for_the_end_of_the_first(file: Path) -> None:
    mine = TransactionLocks.at(file)
    await mine.acquire(ONE)
    second = asyncio.create_task(mine.acquire(ONE))
    await mine.acquire(OTHER)
    assert not second.done()
    mine.release(ONE)
    await second
    mine.release(ONE)
    mine.release(OTHER)
    mine.close()


async def test_an_attempt_in_another_process_is_waited_for_also_when_it_is_killed(
    file: Path, somebody: subprocess.Popen[str]
) -> None:
    mine = TransactionLocks.at(file)
    waiting = asyncio.create_task(mine.acquire(ONE))
    await mine.acquire(OTHER)
    await asyncio.sleep(3 * transaction_lock.LOOK_AGAIN)
    assert not waiting.done()
    somebody.send_signal(signal.SIGKILL)
    await asyncio.wait_for(waiting, 10)
    mine.close()


async def test_an_attempt_that_goes_on_too_long_puts_the_second_off_and_leaves_nothing_behind(
    file: Path, somebody: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction_lock, "PATIENCE", 0.2)
    mine = TransactionLocks.at(file)
    with pytest.raises(TimeoutError):
        await mine.acquire(ONE)
    somebody.kill()
    somebody.wait()
    await mine.acquire(ONE)
    mine.close()


async def test_nothing_of_a_transaction_is_written_and_nobody_else_may_read_the_file(file: Path) -> None:
    mine = TransactionLocks.at(file)
    await mine.acquire(ONE)
    assert os.stat(mine._lock).st_size == 0  # noqa: PTH116  a string
    assert os.stat(mine._lock).st_mode & 0o777 == 0o600  # noqa: PTH116  a string
    mine.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(mine._lock)
