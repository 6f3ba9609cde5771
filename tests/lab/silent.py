"""Clients that connect and say nothing, or begin a TLS handshake and say nothing more; each from its own address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address

from relay.process.open_files import allow_open_files

FIRST = IPv4Address("127.1.0.1")
AT_ONCE = 32
"""Where the server's queue is full, the kernel tries one again after a second."""
HELLO_BEGUN = b"\x16\x03\x01\x02\x00\x01"
"""The head of a record (RFC 8446, section 5.1) with a ClientHello of 512 octets, and its first octet."""


@contextmanager
def silent(port: int, count: int, *, of_each: int = 1) -> Iterator[list[socket.socket]]:
    """So many connections to a server of this machine, `of_each` from each address; every other one has begun."""
    allow_open_files(count + 1000)

    def connected(number: int) -> socket.socket:
        source = str(FIRST + number // of_each), 0
        one = opened.enter_context(socket.create_connection(("127.0.0.1", port), 30, source_address=source))
        if number % 2:
            with suppress(ConnectionError):  # it may have ended already
                one.sendall(HELLO_BEGUN)
        return one

    with ExitStack() as opened:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            crowd = list(threads.map(connected, range(count)))
        yield crowd


def ended(crowd: list[socket.socket]) -> int:
    """How many of them the server has ended."""
    return sum(map(_ended, crowd))


def _ended(one: socket.socket) -> bool:
    one.settimeout(0)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
