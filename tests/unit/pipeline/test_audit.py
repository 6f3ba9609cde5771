"""Rows of the trace that wait for the store, and a look at it that is given up while it writes them."""

from __future__ import annotations

import asyncio

import pytest
from lab.fakes import FakeTrail

from relay.model import Record
from relay.model.errors import StoreError
from relay.pipeline.audit import Audit

ROW = Record(1.0, "1", "", "", "", "bob@there.example", "clear", "rule", "", "", "", "250 2.0.0", 1)


@pytest.fixture
async def trail() -> FakeTrail:
    """The store has refused a row, and hangs when it is asked again."""
    return FakeTrail(down=True, stall=asyncio.Event())


@pytest.fixture
async def audit(trail: FakeTrail) -> Audit:
    made, trail.stall, stall = Audit(trail), None, trail.stall
    with pytest.raises(StoreError):
        await made.write([ROW])
    trail.stall = stall
    return made


async def given_up(audit: Audit) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await audit.ready()
    with pytest.raises(StoreError, match="rows of the trace wait"):
        await audit.ready()


async def test_rows_that_waited_were_lost_where_a_look_at_a_store_that_hung_was_given_up(
    audit: Audit, trail: FakeTrail
) -> None:
    hangs = trail.stall
    assert hangs
    await given_up(audit)
    hangs.set()
    with pytest.raises(StoreError, match="down"):
        await audit.finish()
    trail.down = False
    await audit.ready()
    assert trail.records == [ROW]


async def test_rows_that_the_store_takes_after_all_are_written_once(audit: Audit, trail: FakeTrail) -> None:
    hangs = trail.stall
    assert hangs
    await given_up(audit)
    trail.down = False
    hangs.set()
    await audit.finish()
    await audit.ready()
    assert trail.records == [ROW]
