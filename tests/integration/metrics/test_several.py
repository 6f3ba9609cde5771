"""`workers: 2`: the figures of all of them on one page, and none that goes backwards whatever becomes of a worker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from lab.client import Client
from lab.ports import free_port
from lab.prometheus import Figures, ask, figures
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import until

SENDER = "dr.martin@hopital.example"
NUMBERS = count(1)
CROWD = 12


@dataclass
class Site:
    relay: Relay
    metrics: int
    sent: int = 0

    async def send(self, mails: int = CROWD) -> None:
        """Over connections of their own, so that both workers have some."""
        assert await asyncio.gather(*(self._send() for _ in range(mails))) == ["250"] * mails
        self.sent += mails

    async def _send(self) -> str:
        content = f"From: {SENDER}\r\nSubject: kanarienvogel7 {next(NUMBERS)}\r\n\r\nkanarienvogel7\r\n".encode()
        async with Client(f"lmtp://127.0.0.1:{self.relay.port}") as client:
            await client.hello()
            return (await client.send(SENDER, ["someone@ville.example"], content))[0][:3]

    async def told(self, *name: str, value: float) -> Figures:
        await until(lambda: figures(self.metrics).get(name) == value)
        return figures(self.metrics)

    async def told_of_all(self) -> Figures:
        """Once every mail's last line is in: a worker may report in the midst of a mail."""
        told = await self.told("pgp_relay_replies_total", "accepted", value=self.sent)
        assert told["pgp_relay_messages_total",] == self.sent
        return told

    @property
    def servants(self) -> set[int]:
        """Workers that have had a mail."""
        return {line["worker"] for line in self.relay.events if line["event"] == "received"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    metrics = free_port()
    with Sink() as sink:
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "metrics": f"127.0.0.1:{metrics}", "workers": 2}
        with Relay(settings) as relay:
            relay.start()
            yield Site(relay, metrics)


async def test_the_page_has_the_figures_of_all(site: Site) -> None:
    while site.servants != {0, 1}:
        await site.send()

    told = await site.told_of_all()

    assert told["pgp_relay_recipients_total", "clear", "everyone"] == site.sent
    assert told["pgp_relay_reinject_duration_seconds_count",] == site.sent
    assert told["pgp_relay_workers_alive",] == told["pgp_relay_workers_configured",] == 2
    await until(lambda: ask(site.metrics, "/readyz") == (200, "ready\n"))


async def test_a_worker_that_is_killed_and_replaced_takes_no_figure_back(site: Site) -> None:
    before = await site.told_of_all()
    killed = site.relay.workers[1]

    os.kill(killed, signal.SIGKILL)
    await site.told("pgp_relay_workers_ended_total", value=1)
    await until(lambda: site.relay.workers.get(1, killed) != killed)
    await site.told("pgp_relay_workers_alive", value=2)
    await site.send()
    after = await site.told_of_all()

    falling = [key for key in before if counts(key) and after[key] < before[key]]
    assert falling == []


async def test_a_worker_that_ends_of_itself_reports_its_last_second(site: Site) -> None:
    await site.send()
    ended = dict(site.relay.workers)
    for pid in ended.values():
        os.kill(pid, signal.SIGTERM)
    await until(
        lambda: site.relay.workers.keys() == {0, 1} and not set(site.relay.workers.values()) & {*ended.values()}
    )

    await site.told_of_all()


async def test_a_supervisor_that_stands_still_holds_up_no_mail_and_no_figure_is_lost(site: Site) -> None:
    await site.told("pgp_relay_workers_alive", value=2)
    os.kill(site.relay.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            await site.send()
    finally:
        os.kill(site.relay.pid, signal.SIGCONT)

    await site.told_of_all()


async def test_status_and_sighup_are_those_of_one_relay(site: Site) -> None:
    await until(lambda: ask(site.metrics, "/readyz") == (200, "ready\n"))  # those that were replaced have looked
    told = json.loads((await asyncio.to_thread(site.relay.run, "status", "--json")).stdout)
    assert (told["workers"]["alive"], told["messages"], told["ready"]) == (2, site.sent, True)

    old, site.metrics = site.metrics, free_port()
    site.relay.configure({**site.relay.settings, "metrics": f"127.0.0.1:{site.metrics}"})
    site.relay.signal(signal.SIGHUP)
    await until(lambda: any(e["event"] == "reloaded" and "workers" in e for e in site.relay.events))

    await site.told_of_all()
    with pytest.raises(ConnectionRefusedError):
        ask(old, "/metrics")


def counts(key: tuple[str, ...]) -> bool:
    return key[0].startswith("pgp_relay_") and key[0].endswith(("_total", "_count", "_sum", "_bucket"))
