"""Whether the client's system has acknowledged what was written (tcp(7), ioctl SIOCOUTQ).

A client that reads its reply and closes has acknowledged it with that. If it closed before, or its end was still on its
way when the reply was written, its system answers with a reset. If its machine loses power or network, nothing arrives:
its system no longer acknowledges octets. In both cases the reply has reached nobody (RFC 1047).
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
_CLOSED = 7
"""TCP_CLOSE, the state of a connection that was reset (include/net/tcp_states.h)."""


async def is_acknowledged(transport: asyncio.WriteTransport, heard: asyncio.Event, within: float = WITHIN) -> bool:
    """Whether everything was acknowledged, and the connection was not reset; True for a Unix socket.

    `heard` is set when anything comes from the client, so that its next command does not wait.
    """
    wire = transport.get_extra_info("socket")
    if wire is None or wire.family not in {socket.AF_INET, socket.AF_INET6}:
        return True
    try:
        copy = socket.fromfd(wire.fileno(), wire.family, wire.type)  # a plain one: the balance has its own class
    except OSError:  # it was closed already
        return False
    with copy:  # of its own: the client's end closes the transport, perhaps before a look
        return await _arrives(copy, transport, heard, within)


async def _arrives(wire: socket.socket, transport: asyncio.WriteTransport, heard: asyncio.Event, within: float) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        heard.clear()
        if _is_reset(wire):
            return False
        if not (transport.get_write_buffer_size() or _on_the_way(wire)):
            return True
        if loop.time() > end:
            return False
        alarm = loop.call_later(PAUSE, heard.set)
        try:
            await heard.wait()
        finally:
            alarm.cancel()


def _is_reset(wire: socket.socket) -> bool:
    return wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _CLOSED


def _on_the_way(wire: socket.socket) -> int:
    """The number of octets that the client's system has not acknowledged."""
    found = array.array("i", [0])
    fcntl.ioctl(wire.fileno(), termios.TIOCOUTQ, found)
    return found[0]
