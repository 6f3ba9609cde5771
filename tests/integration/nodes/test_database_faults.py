"""A database that is read-only, out of disk or silent: 451 in time, `/readyz` says so, and all is well soon after."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from lab.cluster import DEADLINES, Node, Wire, cluster
from lab.mta import Mail, letter
from lab.nexthop import ScriptedHop
from lab.ports import free_port
from lab.postgresql import PostgreSQL
from lab.prometheus import ask
from lab.waiting import until

pytestmark = pytest.mark.waits

OK = "250 2.0.0"
STORE = float(DEADLINES["store"].removesuffix("s"))
READY_SECONDS = 15.0
SLACK = 4.0
"""Seconds that a loaded machine may add."""

Faulty = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def read_only(server: PostgreSQL) -> AsyncIterator[None]:
    """As an administrator makes a server before it is moved."""
    asking = await asyncpg.connect(server.url)
    await asking.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await asking.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await asking.execute("SET default_transaction_read_only = off")
        await asking.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await asking.execute("SELECT pg_reload_conf()")
        await asking.close()


@asynccontextmanager
async def silent(wire: Wire, seconds: float) -> AsyncIterator[None]:
    """At least so long nothing comes and nothing is refused."""
    wire.cut()
    begun = time.monotonic()
    try:
        yield
        await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
    finally:
        wire.heal()


@asynccontextmanager
async def full(disk: Path) -> AsyncIterator[None]:
    """Not an octet more."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 12))
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 24 MB that the server may use."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", folder], check=True)
    (folder / "tables").mkdir()
    shutil.chown(folder / "tables", "postgres")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


@pytest.fixture
async def disk(server: PostgreSQL, small_disk: Path) -> AsyncIterator[Path]:
    """A small disk with the tables of the database `small` on it."""
    asking = await asyncpg.connect(server.url)
    try:
        await asking.execute(f"CREATE TABLESPACE small LOCATION '{small_disk / 'tables'}'")
        await asking.execute("CREATE DATABASE small TABLESPACE small")
        yield small_disk
        await asking.execute("DROP DATABASE small WITH (FORCE)")
        await asking.execute("DROP TABLESPACE small")
    finally:
        await asking.close()


async def told(url: str, hop: ScriptedHop, fault: Faulty, record: Callable[[str, object], None], what: str) -> None:
    """What both nodes answer before, in and after the fault."""
    with (
        cluster(url, hop.port, count=1, settings=with_metrics()) as (alpha,),
        Node("beta", url, hop.port, with_metrics()) as beta,
    ):
        beta.start()
        nodes = [alpha, beta]
        for node in nodes:
            await until(lambda node=node: readiness(node) == 200)  # type: ignore[misc]  # mypy knows no defaults of lambdas
            assert await node.mta.attempt(mail(f"before {node.name}")) == [OK]
        sent: list[Mail] = []
        async with fault():
            begun, longest = time.monotonic(), 0.0
            for number in range(400):
                asked = time.monotonic()
                sent.append(mail(f"m{number}"))
                await nodes[number % 2].mta.attempt(sent[-1])
                longest = max(longest, time.monotonic() - asked)
                if all(sum(bool(each.waiting) for each in sent[n::2]) >= 2 for n in (0, 1)):
                    break
            refused = [each for each in sent if each.waiting]
            assert {each.last("anna@open.example")[:3] for each in refused} == {"451"}
            for node in nodes:
                await until(lambda node=node: readiness(node) == 503, READY_SECONDS + SLACK)  # type: ignore[misc]  # as above
            unready = time.monotonic() - begun
        ended = time.monotonic()
        await asyncio.gather(
            *(nodes[n % 2].mta.until_final(each, attempts=100, every=0.1) for n, each in enumerate(refused))
        )
        served = time.monotonic() - ended
        for node in nodes:
            await until(lambda node=node: readiness(node) == 200, READY_SECONDS + SLACK)  # type: ignore[misc]  # as above
        ready = time.monotonic() - ended
        verified = json.loads(beta.run("trace", "--verify", "--json").stdout)
    record(
        "counted",
        f"{what}: 451 after at most {longest:.1f} s, both not ready within {unready:.1f} s; {len(refused)} that waited "
        f"served {served:.1f} s after, both ready after {ready:.1f} s",
    )
    copies = Counter(each.content.partition(b"Message-ID: <")[2].partition(b"@")[0] for each in hop.messages)
    assert max(copies.values()) == 1
    assert len(copies) == len(sent) + len(nodes)
    assert verified["holds"]
    assert longest <= STORE + 2 + SLACK
    assert served <= 2 + SLACK


def with_metrics() -> dict[str, str]:
    return {"metrics": f"127.0.0.1:{free_port()}"}


def readiness(node: Node) -> int:
    return ask(int(str(node.settings["metrics"]).rpartition(":")[2]), "/readyz")[0]


def mail(number: str) -> Mail:
    return letter(number.replace(" ", "-"), ("anna@open.example",))


async def test_a_server_that_is_made_read_only_is_451_and_not_ready_and_well_again_at_once(
    database: str, server: PostgreSQL, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    await told(database, hop, lambda: read_only(server), record_property, "ALTER SYSTEM, read-only")


async def test_a_server_out_of_disk_is_451_and_not_ready_and_well_again_at_once(
    server: PostgreSQL, disk: Path, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    url = f"{server.url.rpartition('/')[0]}/small"
    await told(url, hop, lambda: full(disk), record_property, "out of disk")


@pytest.mark.parametrize("seconds", [5.0, pytest.param(20.0, marks=pytest.mark.slow)])
async def test_a_server_that_says_nothing_is_451_and_not_ready_and_well_again_at_once(
    database: str,
    server: PostgreSQL,
    hop: ScriptedHop,
    record_property: Callable[[str, object], None],
    seconds: float,
) -> None:
    with Wire(server.port) as wire:
        url = database.replace(f":{server.port}/", f":{wire.port}/")
        await told(url, hop, lambda: silent(wire, seconds), record_property, f"silent for {seconds:g} s and more")
