"""The primary is lost and a synchronous replica promoted, under mail by way of two nodes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
from lab.cluster import Node, cluster
from lab.mta import Mail, letter
from lab.nexthop import ScriptedHop
from lab.postgresql import PostgreSQL, postgresql, programs
from lab.stopwatch import Stopwatch
from lab.waiting import until

pytestmark = pytest.mark.waits

MAILS = 60
OK = "250 2.0.0"


@pytest.fixture
def replica(server: PostgreSQL) -> Iterator[PostgreSQL]:
    found = programs()
    assert found
    with postgresql(found, server) as running:
        yield running


def newest(node: Node) -> dict[str, Any]:
    """The last row of this node's chain; number 0: it has none."""
    found: dict[str, Any] = json.loads(node.run("trace", "--verify", "--json").stdout)["newest"]
    return found


async def test_a_failover_to_a_synchronous_replica_loses_nothing_and_nobody_has_a_mail_twice(
    server: PostgreSQL, replica: PostgreSQL, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    asking = await asyncpg.connect(server.url)
    await asking.execute("CREATE DATABASE site")
    await asking.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await asking.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(60):
        while not await asking.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.02)
    await asking.close()
    url = f"postgresql://relay@127.0.0.1:{server.port},127.0.0.1:{replica.port}/site"
    with cluster(url, hop.port) as nodes:
        mails = [letter(f"m{n}", ("anna@open.example", "berta@open.example")) for n in range(MAILS)]

        async def send(number: int, sent: Mail) -> None:
            await asyncio.sleep(number * 0.05)
            for attempt in range(400):
                if not sent.waiting:
                    return
                await nodes[(number + attempt) % 2].mta.attempt(sent)
                await asyncio.sleep(0.05)

        sending = asyncio.gather(*(send(number, sent) for number, sent in enumerate(mails)))
        await until(lambda: newest(nodes[0])["number"])  # its chain has rows
        head = newest(nodes[0])
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(1)
        await asyncio.to_thread(replica.promote)
        probe = letter("probe", ("anna@open.example",))
        with Stopwatch() as watch:
            await nodes[1].mta.until_final(probe, attempts=100, every=0.05)
        served = watch.seconds
        await sending
        logged = f"alpha:{head['number']}:{head['hash']}"
        verified = json.loads(nodes[1].run("trace", "--verify", "--head", logged, "--json").stdout)
    copies = Counter(n for n in range(MAILS) for each in hop.messages if f"<m{n}@".encode() in each.content)
    twice = sum(count > 1 for count in copies.values())
    record_property("counted", f"{twice} of {MAILS} mails came twice; the first 250 {served:.1f} s after the promotion")
    assert not [sent for sent in mails if sent.waiting]
    assert copies == dict.fromkeys(range(MAILS), 1)
    assert verified["holds"]
    assert served < 2 + 2
