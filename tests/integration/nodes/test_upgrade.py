"""A node of this version goes on beside one of the next, which has added to the tables; its workers may be replaced."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
from lab.cluster import cluster
from lab.mta import letter
from lab.nexthop import ScriptedHop
from lab.waiting import until

from relay.store.schema_steps import STEPS

OK = "250 2.0.0"


async def test_a_node_works_on_a_database_of_the_next_version_and_so_do_workers_that_are_replaced(
    database: str, hop: ScriptedHop
) -> None:
    with cluster(database, hop.port, count=1, settings={"workers": 2}) as (node,):
        assert await node.mta.attempt(letter("before", ("anna@open.example",))) == [OK]
        newer = await asyncpg.connect(database)
        await newer.execute("ALTER TABLE trace ADD COLUMN added TEXT NOT NULL DEFAULT ''")
        await newer.execute("CREATE TABLE added (a TEXT)")
        await newer.execute(f"UPDATE schema_version SET version = {len(STEPS) + 1}")  # noqa: S608  a number
        for number in (0, 1):
            old = node.workers[number]
            os.kill(old, signal.SIGKILL)
            await until(lambda number=number, old=old: node.workers.get(number) not in {None, old}, 60)  # type: ignore[misc]  # mypy knows no defaults of lambdas
            mails = [letter(f"m{number}.{n}", ("anna@open.example",)) for n in range(10)]
            assert await asyncio.gather(*(node.mta.attempt(each) for each in mails)) == [[OK]] * 10
        await newer.execute(f"UPDATE schema_version SET writers = {len(STEPS) + 1}")  # noqa: S608  a number
        told = node.run("trace", check=False)
        await newer.close()
        assert told.returncode == 1
        assert b"a newer version of pgp-relay" in told.stderr
