"""The database is cut off, ends and comes back, or takes no more connections: 451, nobody twice, nothing lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable

import asyncpg
import pytest
from lab.cluster import BEFORE_THE_HAND_OVER, DEADLINES, Node, Wire, cluster
from lab.mta import Mail, letter
from lab.nexthop import ScriptedHop
from lab.postgresql import PostgreSQL
from lab.waiting import until

pytestmark = pytest.mark.waits

OK = "250 2.0.0"
FAILED = "451 4.3.0"
STORE = float(DEADLINES["store"].removesuffix("s"))
MAILS = 30


def mail(number: str) -> Mail:
    return letter(number, ("anna@open.example",))


def over(database: str, port: int) -> str:
    """The same database by way of this port."""
    before, _, after = database.partition("@")
    return f"{before}@127.0.0.1:{port}/{after.partition('/')[2]}"


async def timed(node: Node, sent: Mail) -> tuple[list[str], float]:
    begun = time.monotonic()
    return await node.mta.attempt(sent), time.monotonic() - begun


async def test_a_node_whose_network_is_cut_answers_451_in_time_and_its_mail_is_the_other_nodes(
    database: str, server: PostgreSQL, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    with (
        Wire(server.port) as wire,
        cluster(over(database, wire.port), hop.port, count=1, altered=BEFORE_THE_HAND_OVER) as (cut_off,),
        Node("beta", database, hop.port) as other,
    ):
        other.start()
        held = mail("held")
        client = await cut_off.begin(held)
        await until(cut_off.marked("here").exists)
        wire.cut()
        longest = 0.0
        for number in range(3):
            answers, took = await timed(cut_off, mail(f"cut{number}"))
            longest = max(longest, took)
            assert answers == [FAILED]
        beside = [await timed(other, mail(f"beside{number}")) for number in range(3)]
        assert [answers for answers, _ in beside] == [[OK]] * 3
        await other.mta.until_final(held, attempts=40, every=0.2)
        wire.heal()
        begun = time.monotonic()
        cut_off.marked("go").touch()
        assert (await client.reply())[:9] == FAILED
        client.drop()
        again = mail("again")
        await cut_off.mta.until_final(again, attempts=60, every=0.1)
        healed = time.monotonic() - begun
    record_property(
        "counted",
        f"cut off: 451 after at most {longest:.1f} s, the other's longest mail {max(t for _, t in beside):.1f} s, "
        f"250 again {healed:.1f} s after",
    )
    assert sum(b"<held@" in each.content for each in hop.messages) == 1
    assert longest <= STORE + 2 + 1
    assert again.last("anna@open.example") == OK


async def test_a_server_that_ends_and_comes_back_loses_no_mail_and_nobody_has_one_twice(
    database: str, server: PostgreSQL, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    with cluster(database, hop.port) as nodes:
        mails = [mail(f"m{n}") for n in range(MAILS)]

        async def send(number: int, sent: Mail) -> None:
            await asyncio.sleep(number * 0.1)
            for attempt in range(200):
                if not sent.waiting:
                    return
                await nodes[(number + attempt) % 2].mta.attempt(sent)
                await asyncio.sleep(0.1)

        sending = asyncio.gather(*(send(number, sent) for number, sent in enumerate(mails)))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.stop, "immediate")
        refused = await nodes[0].mta.attempt(mail("while it is away"))
        await asyncio.to_thread(server.start)
        begun = time.monotonic()
        await sending
        record_property(
            "counted", f"{MAILS} mails over two nodes done {time.monotonic() - begun:.1f} s after the start"
        )
        verified = json.loads(nodes[1].run("trace", "--verify", "--json").stdout)
    assert refused == [FAILED]
    assert not [sent for sent in mails if sent.waiting]
    copies = Counter(n for n in range(MAILS) for each in hop.messages if f"<m{n}@".encode() in each.content)
    assert copies == dict.fromkeys(range(MAILS), 1)
    assert verified["holds"]
    assert {chain["node"] for chain in verified["chains"]} >= {"alpha", "beta"}


async def test_no_more_connections_is_451_with_a_sentence_and_well_again_at_once(
    server: PostgreSQL, hop: ScriptedHop
) -> None:
    asking = await asyncpg.connect(server.url)
    await asking.execute("CREATE ROLE site LOGIN")
    await asking.execute("CREATE DATABASE limited OWNER site")
    url = f"postgresql://site@127.0.0.1:{server.port}/limited"
    with cluster(url, hop.port, count=1) as (node,):
        assert await node.mta.attempt(mail("before")) == [OK]
        await asking.execute("ALTER ROLE site CONNECTION LIMIT 0")
        await asking.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'site'")
        waits = mail("waits")
        assert await node.mta.attempt(waits) == [FAILED]
        assert b"the database takes no more connections" in node.run("trace", check=False).stderr
        await asking.execute("ALTER ROLE site CONNECTION LIMIT -1")
        assert await node.mta.attempt(waits) == [OK]
    await asking.close()
