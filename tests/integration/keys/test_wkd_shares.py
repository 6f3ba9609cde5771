"""One mail to hundreds of domains that never answer, and what it costs everybody else.

Whole way through the resolver: a store, a process that asks, a real HTTPS server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lab.baddomains import never
from lab.stopwatch import Stopwatch
from lab.unsigned_packets import TrustingExaminer
from lab.waiting import until
from lab.wkd import WkdServer, honest

from relay.config import Config
from relay.config.loader import load
from relay.keys.factory import build_resolver
from relay.keys.resolver import Resolver
from relay.model import Address, Found, Lookup, Outage
from relay.store import Store

pytestmark = pytest.mark.waits

SILENT = [f"silent{n}.example" for n in range(300)]
FAST = ["fast.example", "quick.example"]
TIMEOUT = 4.0
"""Seconds that one domain has to answer."""
DEADLINE = 10.0
"""Seconds that one message's lookups have."""
PATIENT = 60.0
"""The same where none of the silent ones is waited for: whoever stands behind them is told from a slow machine."""


def configured(folder: Path, server: WkdServer, timeout: float) -> Config:
    hosts = [f"openpgpkey.{domain}" for domain in (*SILENT, *FAST)]
    server.tls.update(dict.fromkeys(hosts, server.authority.context(*hosts)))
    server.behaviours |= {f"openpgpkey.{domain}": never for domain in SILENT}
    server.behaviours |= {f"openpgpkey.{domain}": honest for domain in FAST}
    places = "".join(f"\n      '{place}': '{target}'" for place, target in server.connect_to(*hosts).items())
    file = folder / "config.yaml"
    file.write_text(
        f"listen: [lmtp://127.0.0.1:10025]\nreinject: smtp://127.0.0.1:10026\n"
        f"policy: [{{name: all, encrypt: preferred}}]\n"
        f"lookup:\n  sources: [wkd]\n  timeout: {DEADLINE / TIMEOUT * timeout:g}s\n"
        f"  wkd:\n    timeout: {timeout:g}s\n    ca_file: {server.ca_file}\n    connect_to:{places}\n"
    )
    return load(file)


@asynccontextmanager
async def resolving(folder: Path, each: float = TIMEOUT) -> AsyncIterator[tuple[Resolver, WkdServer]]:
    async with WkdServer(folder) as server, await Store.open(folder / "store.db") as store:
        resolver = build_resolver(configured(folder, server, each), store, TrustingExaminer)
        try:
            assert isinstance(await find(resolver, "first@quick.example"), Found)  # its process is up
            yield resolver, server
        finally:
            await resolver.close()


async def find(resolver: Resolver, *addresses: str) -> Lookup:
    """One message's."""
    found = await resolver.find_all({Address(address): frozenset[str]() for address in addresses})
    return found[Address(addresses[-1])]


async def test_a_mail_to_hundreds_of_silent_domains_delays_no_other(tmp_path: Path) -> None:
    """All places were its own, and everybody else's fetch stood behind all of its: 48 s with 800 domains."""
    async with resolving(tmp_path, PATIENT) as (resolver, server):
        large = asyncio.create_task(find(resolver, *(f"bob@{domain}" for domain in SILENT)))
        await until(lambda: server.open.total() > 20)
        took = []
        for n in range(5):
            with Stopwatch() as watch:
                assert isinstance(await find(resolver, f"bob{n}@fast.example"), Found)
            took.append(watch.seconds)
            assert watch.seconds < PATIENT / 2, "who stands behind it waits for the timeout of one that is silent"
        assert not large.done()
        large.cancel()
        print(f"{max(took):.2f} s at most beside it")


async def test_what_no_message_waits_for_any_more_is_not_asked(tmp_path: Path) -> None:
    """Its 300 domains were asked one after the other long after the mail was put off."""
    async with resolving(tmp_path) as (resolver, server):
        assert isinstance(await find(resolver, *(f"bob@{domain}" for domain in SILENT)), Outage)
        behind = [await find(resolver, f"bob@{domain}") for domain in FAST]  # their connections are behind its last
        assert any(isinstance(each, Found) for each in behind), "a busy machine may take longer than the first has"
        asked = len(server.named)
        await asyncio.sleep(2 * TIMEOUT)
        assert len(server.named) == asked
        assert asked < len(SILENT)


async def test_two_mails_that_wait_for_one_address_ask_once_and_the_one_that_stays_is_answered(tmp_path: Path) -> None:
    async with resolving(tmp_path, PATIENT) as (resolver, server):
        large = asyncio.create_task(find(resolver, *(f"bob@{domain}" for domain in SILENT), "bob@fast.example"))
        await until(lambda: server.open.total() > 20)
        assert isinstance(await find(resolver, "bob@fast.example"), Found)
        large.cancel()
        hosts = [request.host for request in server.requests]
        assert hosts.count("openpgpkey.fast.example") == 1
