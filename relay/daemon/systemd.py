"""Notifications to the service manager that started the relay: sd_notify(3).

The manager names a datagram socket in NOTIFY_SOCKET (a path, or `@name` in the abstract namespace); where it names
none, nothing is sent. A notification that cannot be sent is a line in the log, and the relay goes on. The watchdog's
message is sent by the event loop that serves mail: if the loop is blocked, the manager receives nothing and restarts
the relay.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from relay.telemetry import events
from relay.telemetry.events import Event

PATIENCE = 1.0
"""Seconds for a manager that does not read."""


def ready() -> None:
    """Say that the relay listens."""
    _tell("READY=1")


def stopping() -> None:
    """Say that the relay takes no new mail and finishes what is in flight."""
    _tell("STOPPING=1")


@contextmanager
def reloading() -> Iterator[None]:
    """Say that the relay reads its configuration again and, at the end of the block, that it serves."""
    _tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        yield
    finally:
        ready()


async def keep_alive() -> None:
    """Send the watchdog's message twice in each of its intervals, until cancelled; return if there is no watchdog."""
    interval = _watchdog()
    while interval:
        _tell("WATCHDOG=1")
        await asyncio.sleep(interval / 2)


def _watchdog() -> float:
    """The seconds of sd_watchdog_enabled(3); 0 where none is meant for this process."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    return int(wanted) / 1e6 if wanted.isdecimal() and pid in ("", str(os.getpid())) else 0


def _tell(*lines: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(PATIENCE)
            channel.connect(name)
            channel.sendall("\n".join(lines).encode())
    except OSError as error:
        events.log().error(Event.FAILED, **events.unforeseen(error))
