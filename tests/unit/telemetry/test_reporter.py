"""A worker whose supervisor does not read: nothing waits, and no number is lost."""

from __future__ import annotations

import socket

from relay.daemon.reporting import WorkerReporting
from relay.process.ipc import Channel, Limits
from relay.telemetry import catalogue as c
from relay.telemetry.counters import Counters
from relay.telemetry.metrics import ProcessState
from relay.telemetry.observer import Observer


async def test_what_is_not_taken_is_told_later() -> None:
    ours, theirs = socket.socketpair()
    supervisor, channel = await Channel.open(ours), await Channel.open(theirs)
    observer = Observer(Counters())
    while channel.idle:
        channel.send({"alive": True})
    reporting = WorkerReporting(observer, lambda: ProcessState(1, ""), channel)
    for number in range(250):
        observer.counters.count(c.RECIPIENTS, "encrypt", f"rule {number}")
    before = dict(observer.counters.counts)

    reporting._report()
    assert observer.counters.counts == before

    heard, frames = Counters(), 0
    while not channel.idle:
        await supervisor.receive(Limits())
    await reporting.close()
    channel.close()
    while frame := await supervisor.receive(Limits()):
        if "counters" in frame.words:
            assert (frame.words["in_progress"], frame.words["lacks"]) == (1, "")
            heard.add(Counters.read(frame.words["counters"]))
            frames += 1
    supervisor.close()

    assert heard.counts == before
    assert frames == 3
    assert not observer.counters.counts
