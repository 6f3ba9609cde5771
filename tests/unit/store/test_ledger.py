from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from relay.model.binding import Binding
from relay.model.errors import StoreError
from relay.store import Store
from relay.store.ledger import KEPT_SECONDS, _served_of


async def test_after_five_days_nobody_is_served_and_the_row_is_gone(tmp_path: Path) -> None:
    now = 1e9
    async with await Store.open(tmp_path / "s.db", clock=lambda: now) as store:
        await store.ledger.record(b"t", ["a@x"])
        now += KEPT_SECONDS - 1
        assert await store.ledger.served(b"t") == {"a@x"}
        now += 1
        assert await store.ledger.served(b"t") == frozenset()
        await store.ledger.record(b"u", ["b@x"])
        count = await store.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM ledger").scalar())
        assert count == 1


async def test_a_caller_that_gives_up_does_not_take_its_row_back(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        recording = asyncio.create_task(store.ledger.record(b"t", ["a@x"]))
        await asyncio.sleep(0)
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording
        await store.ledger.record(b"t", ["b@x"])
        assert await store.ledger.served(b"t") == {"a@x", "b@x"}


async def test_all_who_share_a_failed_commit_are_told(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.database.write(lambda c: c.exec_driver_sql("DROP TABLE ledger"))
        results = await asyncio.gather(*(store.ledger.record(b"t", [f"{n}"]) for n in range(5)), return_exceptions=True)
        assert [type(r) for r in results] == [StoreError] * 5


async def test_a_fault_that_is_no_store_error_leaves_nobody_waiting(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db", clock=lambda: 1 // 0) as store:
        results = await asyncio.gather(*(store.ledger.record(b"t", [f"{n}"]) for n in range(5)), return_exceptions=True)
        assert [type(r) for r in results] == [ZeroDivisionError] * 5


async def test_those_who_ask_within_a_few_turns_of_the_loop_share_a_look(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.ledger.record(b"3", ["a@x"])
        looks = []
        read = store.database.read

        async def counted(work: object) -> object:
            looks.append(work)
            return await read(work)  # type: ignore[arg-type]  # passed through

        store.database.read = counted  # type: ignore[method-assign, assignment]  # only counts
        asking = []
        for number in range(5):
            asking.append(asyncio.create_task(store.ledger.served(b"%d" % number)))
            await asyncio.sleep(0)
        assert await asyncio.gather(*asking) == [frozenset({"a@x"} if n == 3 else ()) for n in range(5)]
        assert len(looks) == 1


async def test_no_statement_is_kept_for_each_number_of_mails_that_look_at_once(tmp_path: Path) -> None:
    _served_of.cache_clear()
    async with await Store.open(tmp_path / "s.db") as store:
        await store.ledger.record(b"2", ["a@x"])
        for count in range(1, 40):
            found = await asyncio.gather(*(store.ledger.served(b"%d" % number) for number in range(count)))
            assert found == [frozenset({"a@x"} if number == 2 else ()) for number in range(count)]
    assert _served_of.cache_info().currsize == 7


async def test_a_look_at_the_ledger_tells_which_keys_count_for_the_message_too(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store, await Store.open(tmp_path / "s.db") as other:
        came = time.monotonic()
        await store.ledger.served(b"t")
        await other.bindings.put([Binding("*@x", ("AB" * 20,))])
        later = time.monotonic()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store.database, "read", None)
            await store.tokens.renew(came)  # asks nobody
            with pytest.raises(TypeError):
                await store.tokens.renew(later)
        await store.tokens.renew(later)
        assert await store.tokens.of("bindings") is not None


async def test_a_closed_store_is_a_store_error(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.db")
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.ledger.record(b"t", ["a@x"])
    with pytest.raises(StoreError, match="closed"):
        await store.ledger.served(b"t")
