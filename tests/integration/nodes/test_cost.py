"""What a mail costs the database, with two nodes on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest
from lab.cluster import Node, Wire, cluster
from lab.mta import letter
from lab.nexthop import ScriptedHop
from lab.postgresql import PostgreSQL

MAILS = 60
MOST_QUERIES = 7
IDLE = 3
"""Seconds in which nodes are listened to without mail."""
SESSIONS = 50
EACH = 6
ROUNDS, LOOKS = 3, 4
WAITS = 2
"""Round trips that a mail waits for, one after the other: its transaction is taken before anything is decided, and its
rows are written before it is answered."""
LEAST_OF_POSSIBLE = 0.8
"""Of the mails a second that so many waits allow, where the sessions wait and compute together."""
MOST_TRIPS = 12
"""What a mail waits for in all, with the commit that it shares."""
DELAY = 0.005
"""Seconds, each way."""
_SPENT = """SELECT sum(calls)::int AS calls, sum(total_exec_time) AS milliseconds FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query NOT LIKE '%pg_stat_statements%'"""


@dataclass
class Calls:
    """What the database was asked while a block ran."""

    count: int = 0
    milliseconds: float = 0.0
    seconds: float = 0.0


@asynccontextmanager
async def calls(asking: asyncpg.Connection) -> AsyncIterator[Calls]:
    told = Calls()
    await asking.execute("SELECT pg_stat_statements_reset()")
    begun = time.monotonic()
    yield told
    told.seconds = time.monotonic() - begun
    row = await asking.fetchrow(_SPENT)
    told.count, told.milliseconds = row["calls"] or 0, row["milliseconds"] or 0.0


async def test_a_mail_asks_the_database_no_more_than_seven_times(
    database: str, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    asking = await asyncpg.connect(database)
    await asking.execute("CREATE EXTENSION pg_stat_statements")
    with cluster(database, hop.port) as nodes:
        for node in nodes:
            await node.mta.attempt(letter(f"first of {node.name}", ("anna@open.example",)))
        for look in range(LOOKS):  # what nodes ask beside mail is uneven, and the more of it the longer the mails take
            async with calls(asking) as quiet:
                await asyncio.sleep(IDLE)
            async with calls(asking) as busy:
                for number in range(MAILS):  # one after the other: mails that come together share statements
                    mail = letter(f"m{look}.{number}", ("anna@open.example", "berta@open.example"))
                    await nodes[number % 2].mta.attempt(mail)
            queries = (busy.count - quiet.count / quiet.seconds * busy.seconds) / MAILS
            print(f"{queries:.2f} queries a mail, of {busy.count / MAILS:.2f}")
            if queries <= MOST_QUERIES:
                break
        mails = [letter(f"t{number}", ("anna@open.example",)) for number in range(MAILS)]
        async with calls(asking) as together:
            await asyncio.gather(*(nodes[n % 2].mta.attempt(each) for n, each in enumerate(mails)))
    await asking.close()
    record_property(
        "counted",
        f"{queries:.1f} queries and {busy.milliseconds / MAILS:.2f} ms of the database a mail, one after another; "
        f"{together.count / MAILS:.1f} and {together.milliseconds / MAILS:.2f} ms where {MAILS} come at once",
    )
    assert queries <= MOST_QUERIES


@pytest.mark.alone
async def test_a_database_five_milliseconds_away_costs_a_mail_two_round_trips_and_the_sessions_no_more(
    database: str, server: PostgreSQL, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    with Wire(server.port) as near, Wire(server.port, DELAY) as far, ExitStack() as stack:
        nodes = {}
        for name, wire in (("near", near), ("far", far)):
            url = database.replace(f":{server.port}/", f":{wire.port}/")
            nodes[name] = stack.enter_context(Node(name, url, hop.port))
            nodes[name].start()
            await sent(nodes[name], f"{name}-first", 2)
        rates: dict[str, list[float]] = {name: [] for name in nodes}
        for look in range(LOOKS):  # what else the machine does makes some slower, and none quicker
            for turn in range(ROUNDS):
                for name, node in sorted(nodes.items(), reverse=turn % 2 == 0):
                    rates[name].append(await sent(node, f"{name}-{look}-{turn}", EACH))
            near_rate, far_rate = (max(rates[name]) for name in ("near", "far"))
            possible = SESSIONS / (SESSIONS / near_rate + WAITS * 2 * DELAY)
            trips = (SESSIONS / far_rate - SESSIONS / near_rate) / (2 * DELAY)
            if trips < MOST_TRIPS and far_rate / possible >= LEAST_OF_POSSIBLE:
                break
    record_property(
        "counted",
        f"{SESSIONS} sessions: {near_rate:.0f} mails a second with the database beside, {far_rate:.0f} with "
        f"{DELAY * 1000:g} ms each way ({far_rate / near_rate:.2f}, {possible / near_rate:.2f} are possible): "
        f"{trips:.1f} round trips a mail",
    )
    assert trips < MOST_TRIPS
    assert far_rate / possible >= LEAST_OF_POSSIBLE


async def sent(node: Node, name: str, each: int) -> float:
    """Mails a second over all sessions, each of which sends one after the other."""

    async def session(number: int) -> None:
        for at in range(each):
            answers = await node.mta.attempt(letter(f"{name}-{number}-{at}", ("anna@open.example",)))
            assert answers == ["250 2.0.0"]

    begun = time.monotonic()
    await asyncio.gather(*(session(number) for number in range(SESSIONS)))
    return SESSIONS * each / (time.monotonic() - begun)
