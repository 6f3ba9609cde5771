"""Whether the client's system has acknowledged what was written (tcp(7), ioctl SIOCOUTQ).

If a client ends, or its connection is reset, the server learns of it. If its machine loses power or network, nothing
arrives: its system no longer acknowledges octets, and the reply has reached nobody (RFC 1047).
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import termios

WITHIN = 3.0
"""Seconds: the reply is sent again several times within them."""
PAUSE = 0.05
"""Seconds between two checks: a system acknowledges after 40 ms at most, or at once with what its client sends."""


async def is_acknowledged(transport: asyncio.WriteTransport, heard: asyncio.Event, within: float = WITHIN) -> bool:
    """Whether everything was acknowledged; True too if the client has closed and this cannot be found out.

    `heard` is set when anything comes from the client, so that its next command does not wait.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    heard.clear()
    while not transport.is_closing() and (transport.get_write_buffer_size() or _on_the_way(transport)):
        if loop.time() > end:
            return False
        alarm = loop.call_later(PAUSE, heard.set)
        try:
            await heard.wait()
        finally:
            alarm.cancel()
        heard.clear()
    return True


def _on_the_way(transport: asyncio.WriteTransport) -> int:
    """The number of octets that the client's system has not acknowledged."""
    wire = transport.get_extra_info("socket")
    if wire is None or wire.family not in {socket.AF_INET, socket.AF_INET6}:
        return 0
    found = array.array("i", [0])
    try:
        fcntl.ioctl(wire.fileno(), termios.TIOCOUTQ, found)
    except OSError:
        return 0
    return found[0]
