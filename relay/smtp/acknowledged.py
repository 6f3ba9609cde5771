"""Whether the other end's system has what was written: a client may be gone without a word (tcp(7), ioctl SIOCOUTQ).

A client that ends, or whose connection is reset, is known. One whose machine lost its power or its network says
nothing; its system acknowledges no octet any more, and the reply that was written has reached nobody (RFC 1047).
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
"""Seconds between two looks: a system acknowledges alone after 40 ms at most, and at once with what its client says."""


async def is_acknowledged(transport: asyncio.WriteTransport, heard: asyncio.Event, within: float = WITHIN) -> bool:
    """Whether nothing is on its way any more; True also where that cannot be said, because the client has closed.

    `heard` is set by whatever comes from the client: its next command does not wait for a look.
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
