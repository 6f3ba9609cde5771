"""A long look at the audit trail: nobody waits for it longer than they may, and all who ask share one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.admin import trace
from relay.admin.acts.verifying import Verifying
from relay.store import Store, Verdict


async def test_who_cannot_wait_asks_again_and_one_look_serves_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = 0, asyncio.Event()
    verify = trace.verify

    async def slow(store: Store) -> Verdict:
        nonlocal begun
        begun += 1
        await may_end.wait()
        return await verify(store)

    monkeypatch.setattr(trace, "verify", slow)
    async with await Store.open(tmp_path / "s.db") as store:
        verifying = Verifying()
        assert await asyncio.gather(*(verifying.verdict(store, 0.01) for _ in range(3))) == [None] * 3
        assert begun == 1
        may_end.set()
        found = await verifying.verdict(store)
        assert found is not None
        assert found.holds
        assert await verifying.verdict(store) is not None
        assert begun == 2


async def test_a_store_that_fails_is_told_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_store: Store) -> Verdict:
        raise OSError

    async with await Store.open(tmp_path / "s.db") as store:
        verifying = Verifying()
        with monkeypatch.context() as patch:
            patch.setattr(trace, "verify", broken)
            with pytest.raises(OSError):  # noqa: PT011  any
                await verifying.verdict(store)
        assert await verifying.verdict(store) is not None
