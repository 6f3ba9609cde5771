"""A worker whose supervisor does not read: nothing waits, and no figure is lost."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

from relay.daemon.reporting import Reporter
from relay.telemetry import catalogue as c
from relay.telemetry.counters import Tally
from relay.telemetry.figures import Standing
from relay.telemetry.observer import Observer


async def test_what_is_not_taken_is_told_later() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    observer = Observer(Tally())
    with ours:
        for end in (ours, theirs):
            end.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                theirs.send(b"full")
        reporter = Reporter(observer, lambda: Standing(1, ""), 7, theirs.detach())
        for number in range(250):
            observer.tally.count(c.RECIPIENTS, "encrypt", f"rule {number}")
        before = dict(observer.tally.counts)

        reporter._report()
        assert observer.tally.counts == before

        heard = Tally()
        with suppress(BlockingIOError):
            while ours.recv(1 << 18) == b"full":
                pass
        await reporter.close()
        with suppress(BlockingIOError):
            while True:
                number, underway, lacks, rows = json.loads(ours.recv(1 << 18))
                assert (number, underway, lacks) == (7, 1, "")
                heard.add(Tally.read(rows))

    assert heard.counts == before
    assert not observer.tally.counts
