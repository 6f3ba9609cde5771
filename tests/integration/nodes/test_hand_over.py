"""A node in the midst of handing a mail over: what it no longer may, and what keeps the mail from others meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from lab.cluster import cluster
from lab.mta import Mail, letter
from lab.nexthop import ScriptedHop, Wait
from lab.waiting import until

pytestmark = pytest.mark.waits

OK = "250 2.0.0"
FAILED = "451 4.3.0"


def mail(number: str) -> Mail:
    return letter(number, ("anna@open.example",))


@asynccontextmanager
async def no_ledger_rows(database: str) -> AsyncIterator[None]:
    """The ledger can be read, and whoever writes to it waits."""
    asking = await asyncpg.connect(database)
    try:
        async with asking.transaction():
            await asking.execute("LOCK TABLE ledger IN EXCLUSIVE MODE")
            yield
    finally:
        await asking.close()


async def test_a_node_that_stands_still_in_the_dialogue_with_its_next_hop_hands_nothing_over_later(
    database: str, hop: ScriptedHop
) -> None:
    goes_on = asyncio.Event()
    with cluster(database, hop.port) as (frozen, other):
        hop.at["DATA"] = [Wait(goes_on)]
        held = mail("held")
        client = await frozen.begin(held)
        await hop.until("DATA")
        frozen.freeze()
        try:
            await other.mta.until_final(held, attempts=60, every=0.2)
        finally:
            frozen.thaw()
        goes_on.set()
        assert (await client.reply())[:9] == FAILED
        client.drop()
        await until(lambda: {"turn_lost", "locks_lost"} <= {line["event"] for line in frozen.events})
        assert await frozen.mta.until_final(mail("after"), every=0.1) == [OK]
    assert sum(b"<held@" in each.content for each in hop.messages) == 1


async def test_a_mail_that_was_handed_over_is_nobody_elses_while_the_database_does_not_take_its_row(
    database: str, hop: ScriptedHop
) -> None:
    slow = asyncio.Event()
    hop.at["."] = [Wait(slow)]
    with cluster(database, hop.port) as (one, other):
        held = mail("held")
        client = await one.begin(held)
        await hop.until(".")
        client.reset()
        async with no_ledger_rows(database):
            slow.set()
            await until(lambda: any(line["event"] == "untraced" for line in one.events))
            begun = time.monotonic()
            assert await other.mta.attempt(held) == [FAILED]
            assert time.monotonic() - begun < 30  # not as long as it waits for an attempt that goes on
            begun = time.monotonic()
            assert await one.mta.attempt(held) == [FAILED]
            assert time.monotonic() - begun < 30  # not as long as it waits for an attempt that goes on
        await other.mta.until_final(held, attempts=60, every=0.2)
    assert sum(b"<held@" in each.content for each in hop.messages) == 1
