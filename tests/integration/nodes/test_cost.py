"""What a mail costs the database, with two nodes on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
from lab.cluster import cluster
from lab.mta import letter
from lab.nexthop import ScriptedHop

MAILS = 60
MOST_QUERIES = 15
_SPENT = """SELECT sum(calls)::int AS calls, sum(total_exec_time) AS milliseconds FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query NOT LIKE '%pg_stat_statements%'"""


async def test_a_mail_asks_the_database_no_more_than_fifteen_times(
    database: str, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    asking = await asyncpg.connect(database)
    await asking.execute("CREATE EXTENSION pg_stat_statements")
    with cluster(database, hop.port) as nodes:
        for node in nodes:
            await node.mta.attempt(letter(f"first of {node.name}", ("anna@open.example",)))
        await asking.execute("SELECT pg_stat_statements_reset()")
        for number in range(MAILS):  # one after the other: mails that come together share statements
            await nodes[number % 2].mta.attempt(letter(f"m{number}", ("anna@open.example", "berta@open.example")))
        alone = await asking.fetchrow(_SPENT)
        await asking.execute("SELECT pg_stat_statements_reset()")
        mails = [letter(f"t{number}", ("anna@open.example",)) for number in range(MAILS)]
        await asyncio.gather(*(nodes[n % 2].mta.attempt(each) for n, each in enumerate(mails)))
        together = await asking.fetchrow(_SPENT)
    await asking.close()
    queries = alone["calls"] / MAILS
    record_property(
        "counted",
        f"{queries:.1f} queries and {alone['milliseconds'] / MAILS:.2f} ms of the database a mail, one after another; "
        f"{together['calls'] / MAILS:.1f} and {together['milliseconds'] / MAILS:.2f} ms where {MAILS} come at once",
    )
    assert queries <= MOST_QUERIES
