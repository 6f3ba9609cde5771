"""Addresses to listen on, reserved by the supervisor for its workers (SO_REUSEPORT of socket(7), unix(7)).

A TCP port is bound here, and each worker listens on it with SO_REUSEPORT: the kernel spreads connections over them. A
port that another program has is an error at start, where processes with SO_REUSEPORT would share it silently. A unix
socket is made and listened on here once and its descriptor passed to the workers: a second bind would replace it.

Raises `ListenError` with a sentence for a person.
"""

from __future__ import annotations

import socket
from pathlib import Path

from relay.model.endpoint import Endpoint
from relay.model.errors import ListenError
from relay.smtp.inlet import ANYONE_HERE, BACKLOG
from relay.smtp.unix_socket import make_way


class Reserved:
    """The addresses of one entry of `listen`."""

    def __init__(self, place: Endpoint) -> None:
        self._place = place
        self._sockets: list[socket.socket] = []
        try:
            if self._place.path:
                self._sockets.append(_unix(self._place.path))
            else:
                self._sockets += _tcp(self._place)
        except OSError as error:
            self.release()
            raise ListenError(
                f"{self._place} cannot be listened on: {error.strerror or type(error).__name__}"
            ) from error

    @property
    def shared(self) -> socket.socket | None:
        """The listening socket of a path, for the workers; None for a TCP port."""
        return self._sockets[0] if self._place.path else None

    @property
    def places(self) -> tuple[Endpoint, ...]:
        """What to listen on; where port 0 was asked for, with the port that was found."""
        if self._place.path:
            return (self._place,)
        names = (reserved.getsockname() for reserved in self._sockets)
        return tuple(Endpoint(self._place.scheme, name[0], name[1]) for name in names)

    def release(self) -> None:
        """Give it back; a socket's file is removed."""
        if self._place.path and self._sockets:
            Path(self._place.path).unlink(missing_ok=True)
        for reserved in self._sockets:
            reserved.close()


class Shared(socket.socket):
    """The listening socket of a path in a worker, by the descriptor it inherited."""

    def listen(self, backlog: int = BACKLOG, /) -> None:
        """Nothing: it listens already, and asyncio would shorten the backlog for all workers."""


def _unix(path: str) -> socket.socket:
    make_way(path)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(path)
        Path(path).chmod(ANYONE_HERE)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _tcp(place: Endpoint) -> list[socket.socket]:
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = list(dict.fromkeys((family, address[:2]) for family, _, _, _, address in found))
    for family, address in addresses:
        _bound(family, address, shared=False).close()  # raises where another program has it
    return [_bound(family, address, shared=True) for family, address in addresses]


def _bound(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        if not shared:
            made.listen(1)  # with SO_REUSEADDR a bind beside a listening socket fails only here on some systems
    except OSError:
        made.close()
        raise
    return made
