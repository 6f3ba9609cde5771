"""Nodes know of each other: who runs, whether they decide alike, and what each of them says of the database."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
from lab.cluster import Node, cluster
from lab.mta import letter
from lab.nexthop import ScriptedHop
from lab.ports import free_port
from lab.prometheus import ask
from lab.stopwatch import Stopwatch
from lab.waiting import until

pytestmark = pytest.mark.waits

FIELDS = ["node", "version", "schema", "since", "seen", "policy", "signing", "rate", "duties"]
OTHER_POLICY = [{"name": "everyone", "encrypt": "required"}]
OK = "250 2.0.0"
FAILED = "451 4.3.0"


@pytest.fixture
def pair(database: str, hop: ScriptedHop) -> Iterator[list[Node]]:
    with cluster(database, hop.port, settings={"metrics": f"127.0.0.1:{free_port()}"}, count=1) as (alpha,):
        settings = {"metrics": f"127.0.0.1:{free_port()}"}
        with Node("beta", database, hop.port, settings) as beta:
            beta.start()
            yield [alpha, beta]


def told(node: Node) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(node.run("nodes", "--json").stdout)
    return found


def duties(nodes: list[dict[str, Any]]) -> set[str]:
    return {duty for each in nodes for duty in each["duties"]}


async def finding(node: Node, name: str) -> dict[str, Any]:
    """In a thread, because `check` asks the next hop, which answers on the test's own loop."""
    found = json.loads((await asyncio.to_thread(node.run, "check", "--json", check=False)).stdout)
    return next(each for each in found if each["name"] == name)


def metrics_port(node: Node) -> int:
    return int(str(node.settings["metrics"]).rpartition(":")[2])


async def test_nodes_are_told_and_one_that_differs_is_named_and_may_be_refused(
    pair: list[Node], hop: ScriptedHop, database: str
) -> None:
    alpha, beta = pair
    assert await alpha.mta.attempt(letter("one", ("anna@open.example",))) == [OK]
    await until(lambda: duties(told(beta)) >= {"retention", "upkeep"})  # a node takes them up by itself, once it serves
    both = told(beta)
    assert [list(each) for each in both] == [FIELDS, FIELDS]
    assert [each["node"] for each in both] == ["alpha", "beta"]
    assert both[0]["policy"] == both[1]["policy"]
    assert await finding(beta, "nodes") == {"name": "nodes", "ok": True, "message": "alpha, beta"}
    shown = alpha.run("nodes").stdout.decode()
    assert shown.splitlines()[0].split("\t")[:2] == ["node", "state"]
    assert shown.count("runs") == 2

    with Node("gamma", database, hop.port, {"policy": OTHER_POLICY, "nodes": "strict"}) as gamma:
        with pytest.raises(RuntimeError, match="node alpha has another policy; node beta has another policy"):
            gamma.start()
        gamma.kill_alone()
    with Node("gamma", database, hop.port, {"policy": OTHER_POLICY, "nodes": "warn"}) as gamma:
        gamma.start()
        assert gamma.wait_event("nodes_differ")["reason"].startswith("node alpha has another policy")
        assert (await finding(beta, "nodes"))["message"] == "node gamma has another policy"
        assert alpha.wait_event("nodes_differ", 20)["reason"] == "node gamma has another policy"


async def test_a_database_that_takes_no_writes_is_451_and_not_ready_and_everything_is_well_again_soon_after(
    pair: list[Node], database: str, record_property: Callable[[str, object], None]
) -> None:
    alpha, beta = pair
    for node in pair:
        await until(lambda node=node: ask(metrics_port(node), "/readyz") == (200, "ready\n"))  # type: ignore[misc]  # mypy knows no defaults of lambdas
    asking = await asyncpg.connect(database)
    name = database.rpartition("/")[2]
    await asking.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await asking.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name
    )
    begun = time.monotonic()
    waits = letter("waits", ("anna@open.example",))
    assert await beta.mta.attempt(waits) == [FAILED]
    await until(lambda: ask(metrics_port(alpha), "/readyz") == (503, "store\n"), 17)
    unready = time.monotonic() - begun
    async with asyncio.timeout(60):
        while "the store is read-only" not in beta.log:  # what met a session that was just ended says something else
            assert await beta.mta.attempt(waits) == [FAILED]
    await asking.execute("SET default_transaction_read_only = off")
    await asking.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await asking.close()
    begun = time.monotonic()
    with Stopwatch() as watch:
        await beta.mta.until_final(waits, attempts=40, every=0.1)
    served = watch.seconds
    await until(lambda: ask(metrics_port(alpha), "/readyz") == (200, "ready\n"), 17)
    record_property(
        "counted",
        f"not ready {unready:.1f} s after writes were refused; a mail was served {served:.1f} s after they were taken "
        f"again, and the node was ready after {time.monotonic() - begun:.1f} s",
    )
    assert waits.last("anna@open.example") == OK
    assert served < 2 + 2
