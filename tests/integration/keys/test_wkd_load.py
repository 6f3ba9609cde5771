"""Many lookups at once: what one domain may take, and what it may not take from the others."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from lab.baddomains import never
from lab.stopwatch import Stopwatch
from lab.unsigned_packets import TrustingExaminer, certificate
from lab.waiting import until
from lab.wkd import Behaviour, Exchange, Queued, WkdServer, asking

from relay.keys.wkd import Reason
from relay.model import Address, Certificate, Found, Lookup, NotFound, Outage, Unreadable
from relay.pipeline.ports import Examiner

pytestmark = pytest.mark.waits


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[WkdServer]:
    async with WkdServer(tmp_path) as server:
        yield server


def source(server: WkdServer, *domains: str, timeout: float, examiner: Examiner | None = None) -> Queued:
    hosts = [f"openpgpkey.{domain}" for domain in domains]
    server.tls.update(dict.fromkeys(hosts, server.authority.context(*hosts)))
    places = server.connect_to(*hosts)
    return asking(examiner or TrustingExaminer(), timeout=timeout, ca_file=server.ca_file, connect_to=places)


def after(seconds: float) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        local = exchange.request.target.rpartition("?l=")[2]
        domain = exchange.request.host.removeprefix("openpgpkey.")
        await exchange.answer(certificate(f"{local}@{domain}"))

    return behave


async def test_a_thousand_lookups_of_one_domain_take_two_connections(server: WkdServer) -> None:
    server.behaviours["openpgpkey.example.org"] = after(0)
    wkd = source(server, "example.org", timeout=30)
    found = await asyncio.gather(*(wkd.lookup(Address(f"u{n}@example.org")) for n in range(1000)))
    assert all(isinstance(one, Found) for one in found)
    assert server.most["openpgpkey.example.org"] == 2
    assert server.connections == 2
    await wkd.close()


async def test_a_thousand_lookups_of_a_domain_that_answers_404_take_two_connections_at_a_time(
    server: WkdServer,
) -> None:
    wkd = source(server, "example.org", timeout=30)
    found = await asyncio.gather(*(wkd.lookup(Address(f"u{n}@example.org")) for n in range(1000)))
    assert set(found) == {NotFound("wkd", "wkd/advanced")}
    assert server.most["openpgpkey.example.org"] == 2
    await wkd.close()


async def test_waiting_for_a_free_connection_does_not_count_as_the_servers_time(server: WkdServer) -> None:
    server.behaviours["openpgpkey.example.org"] = after(0.3)
    wkd = source(server, "example.org", timeout=4)
    started = time.monotonic()
    found = await asyncio.gather(*(wkd.lookup(Address(f"u{n}@example.org")) for n in range(28)))
    assert time.monotonic() - started > 4
    assert all(isinstance(one, Found) for one in found)
    await wkd.close()


async def test_one_slow_domain_holds_up_no_other(server: WkdServer) -> None:
    server.behaviours |= {"openpgpkey.slow.example": never, "openpgpkey.fast.example": after(0)}
    wkd = source(server, "slow.example", "fast.example", timeout=30)
    slow = [asyncio.create_task(wkd.lookup(Address(f"u{n}@slow.example"))) for n in range(1000)]
    await until(lambda: server.open["openpgpkey.slow.example"] == 2)
    async with asyncio.timeout(20):
        assert isinstance(await wkd.lookup(Address("bob@fast.example")), Found)
    assert server.most["openpgpkey.slow.example"] == 2
    await abandoned(slow)
    await wkd.close()


async def test_a_hundred_slow_domains_hold_up_a_fast_one_for_one_timeout_at_most(server: WkdServer) -> None:
    domains = [f"slow{n}.example" for n in range(100)]
    server.behaviours |= {f"openpgpkey.{domain}": never for domain in domains}
    server.behaviours["openpgpkey.fast.example"] = after(0)
    wkd = source(server, *domains, "fast.example", timeout=3)
    slow = [asyncio.create_task(wkd.lookup(Address(f"bob@{domain}"))) for domain in domains]
    await asyncio.sleep(0)
    with Stopwatch() as watch:
        assert isinstance(await wkd.lookup(Address("bob@fast.example")), Found)
    assert watch.seconds < 2 * 3
    assert set(await asyncio.gather(*slow)) == {Outage("wkd", Reason.TIMEOUT, "wkd/advanced")}
    assert server.most_in_all <= 64
    await wkd.close()


async def test_lookups_given_up_free_their_places_and_leave_nothing_open(server: WkdServer) -> None:
    server.behaviours["openpgpkey.example.org"] = never
    wkd = source(server, "example.org", timeout=30)
    for _ in range(20):
        waiting = [asyncio.create_task(wkd.lookup(Address(f"u{n}@example.org"))) for n in range(10)]
        await asyncio.sleep(0.02)
        await abandoned(waiting)
    server.behaviours["openpgpkey.example.org"] = after(0)
    async with asyncio.timeout(20):
        assert isinstance(await wkd.lookup(Address("bob@example.org")), Found)
    assert server.most["openpgpkey.example.org"] <= 2
    await wkd.close()
    await until(lambda: server.open.total() == 0)


async def test_an_answer_that_is_judged_still_has_its_place_at_its_domain(server: WkdServer) -> None:
    server.behaviours["openpgpkey.example.org"] = after(0)
    judging, go = asyncio.Semaphore(0), asyncio.Event()

    class Slow(TrustingExaminer):
        async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
            judging.release()
            await go.wait()
            return await super().examine(blobs)

    wkd = source(server, "example.org", timeout=30, examiner=Slow())
    waiting = [asyncio.create_task(wkd.lookup(Address(f"u{n}@example.org"))) for n in range(3)]
    for _ in range(2):
        await judging.acquire()
    await asyncio.sleep(0.3)
    assert len(server.requests) == 2
    go.set()
    assert all(isinstance(one, Found) for one in await asyncio.gather(*waiting))
    await wkd.close()


async def test_a_domain_with_a_slow_name_service_holds_up_no_other() -> None:
    asked, go = threading.Event(), threading.Event()

    def resolve(host: str, _: socket.AddressFamily) -> list[str]:
        if host.endswith("slow.example"):
            asked.set()
            go.wait(60)
        raise socket.gaierror(socket.EAI_NONAME, "")

    wkd = asking(TrustingExaminer(), timeout=30, resolve=resolve)
    slow = [asyncio.create_task(wkd.lookup(Address(f"u{n}@slow.example"))) for n in range(100)]
    await until(asked.is_set)
    async with asyncio.timeout(20):
        assert await wkd.lookup(Address("bob@fast.example")) == NotFound("wkd", "wkd/direct")
    assert not any(lookup.done() for lookup in slow)
    await abandoned(slow)
    go.set()
    await wkd.close()


async def abandoned(tasks: Sequence[asyncio.Task[Lookup]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
