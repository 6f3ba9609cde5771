"""A node of this version goes on beside one of the next, which has added to the tables; its workers may be replaced."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import asyncpg
import pytest
from lab.cluster import Node, cluster
from lab.mta import Mail, letter
from lab.nexthop import ScriptedHop
from lab.waiting import until

from relay.store.schema_steps import STEPS

pytestmark = pytest.mark.waits

OK = "250 2.0.0"
NEXT_VERSION = """
from relay.store import migration, nodes, schema_steps
more = ("ALTER TABLE trace ADD COLUMN added TEXT NOT NULL DEFAULT ''", "CREATE TABLE added (a TEXT)")
schema_steps.STEPS = migration.STEPS = nodes.STEPS = (*schema_steps.STEPS, more)
migration.migrate.__defaults__ = (schema_steps.STEPS, *migration.migrate.__defaults__[1:])
"""
"""A program that adds to the tables."""
SESSIONS = 4


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


@pytest.mark.parametrize("seconds", [6.0, pytest.param(600.0, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
async def test_two_versions_answer_250_side_by_side_while_workers_of_the_older_one_are_killed(
    database: str, hop: ScriptedHop, record_property: Callable[[str, object], None], seconds: float
) -> None:
    with (
        cluster(database, hop.port, count=1, settings={"workers": 2}) as (old,),
        Node("newer", database, hop.port) as newer,
    ):
        newer.altered = NEXT_VERSION
        newer.start()
        end, given, killed, numbers = time.monotonic() + seconds, Counter[str](), 0, itertools.count()

        async def session(node: Node) -> None:
            while time.monotonic() < end:
                mail: Mail = letter(f"m{next(numbers)}", ("anna@open.example",))
                await node.mta.until_final(mail, attempts=100, every=0.1)
                given.update(reply for replies in mail.answers.values() for reply in replies)

        async def kill() -> None:
            nonlocal killed
            for number in itertools.cycle((0, 1)):
                await asyncio.sleep(min(3.0, max(0.0, end - time.monotonic())))
                if time.monotonic() >= end:
                    return
                worker = old.workers[number]
                os.kill(worker, signal.SIGKILL)
                killed += 1
                await until(lambda number=number, worker=worker: old.workers.get(number) not in {None, worker})  # type: ignore[misc]  # mypy knows no defaults of lambdas

        await asyncio.gather(kill(), *(session(node) for node in (old, newer) for _ in range(SESSIONS)))
        asking = await asyncpg.connect(database)
        version = await asking.fetchval("SELECT version FROM schema_version")
        await asking.close()
    broken = given.pop("", 0)
    record_property(
        "counted",
        f"{seconds:g} s, {killed} workers killed: {given.total()} answers, all {'/'.join(given)}; {broken} connections "
        "broken by the kills",
    )
    assert version == len(STEPS) + 1
    assert set(given) == {OK}
    assert broken <= killed * SESSIONS
