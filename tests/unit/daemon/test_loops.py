"""What runs beside mail goes on after an error that nobody foresaw: nothing else would begin it again."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.daemon.health import Health
from relay.daemon.secret_exchange import SecretExchange
from relay.daemon.signals import Signals

FULL = OSError(errno.EMFILE, "Too many open files")


async def test_no_reload_was_heard_after_one_that_failed_as_nobody_foresaw() -> None:
    """A file of a password was replaced between the check of the configuration and its use."""
    signals, begun = Signals(), asyncio.Queue[int]()

    async def work() -> None:
        begun.put_nowait(begun.qsize())
        raise FileNotFoundError("passphrase")

    task = asyncio.create_task(signals.reload_with(work))
    for _ in range(2):
        signals.hangup.set()
        await asyncio.wait_for(begun.get(), 5)
    task.cancel()


async def test_nodes_exchanged_no_secret_keys_any_more_after_too_many_files_were_open(tmp_path: Path) -> None:
    exchange = SecretExchange(cast("Any", SimpleNamespace(keyring=tmp_path)), cast("Any", OneNode()))
    rounds: list[int] = []

    async def fails() -> None:
        rounds.append(0)
        raise FULL

    cast("Any", exchange)._sharing = SimpleNamespace(round=fails)
    for _ in range(2):
        await exchange.round()
    assert len(rounds) == 2


class OneNode:
    """A store that is not shared."""

    is_shared = False
    node_removals = None


async def test_the_relay_said_that_it_was_stopping_after_the_folder_of_its_socket_could_not_be_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    place = SimpleNamespace(path=str(tmp_path / "socket"))
    components = SimpleNamespace(config=SimpleNamespace(keyring=tmp_path, everywhere=[place]))
    observer = SimpleNamespace(next_hop_down=False)
    watched = Health(lambda: cast("Any", components), cast("Any", None), cast("Any", observer))
    monkeypatch.setattr(Path, "is_socket", refused)
    assert await cast("Any", watched)._look() == "listen"
