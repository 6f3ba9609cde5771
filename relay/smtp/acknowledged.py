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
import time

WITHIN = 3.0
"""Seconds: the reply is sent again several times within them."""
_FIRST, _LONGEST = 0.001, 0.1


async def is_acknowledged(transport: asyncio.WriteTransport, within: float = WITHIN) -> bool:
    """Whether the client's system has acknowledged all that was written. Also True where it has closed."""
    end, pause = time.monotonic() + within, 0.0
    while not transport.is_closing() and (transport.get_write_buffer_size() or _on_the_way(transport)):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(pause)
        pause = min(_LONGEST, 2 * pause or _FIRST)
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
