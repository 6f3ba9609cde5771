"""Addresses that the supervisor listens on for its workers: they inherit the sockets, and accept from them.

So all share one queue: the connections that a worker has not accepted when it hangs or dies are accepted by the others.

Raises `ListenError` with a sentence for a person.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from relay.model.endpoint import Endpoint
from relay.model.errors import ListenError
from relay.smtp.unix_socket import ANYONE_HERE, make_way

BACKLOG = 512


class Reserved:
    """The addresses of one entry of `listen`."""

    def __init__(self, place: Endpoint) -> None:
        self._place = place
        self._sockets: list[socket.socket] = []
        try:
            if self._place.path:
                self._sockets.append(_unix(self._place.path))
            else:
                self._sockets.extend(_tcp(self._place))
        except OSError as error:
            self.release()
            raise ListenError(
                f"{self._place} cannot be listened on: {error.strerror or type(error).__name__}"
            ) from error

    @property
    def descriptors(self) -> dict[Endpoint, int]:
        """The listening socket of each place; where port 0 was asked for, with the port that was found."""
        return {self._listened(made): made.fileno() for made in self._sockets}

    def release(self) -> None:
        """Listen no more; a socket's file is removed."""
        if self._place.path and self._sockets:
            Path(self._place.path).unlink(missing_ok=True)
        for made in self._sockets:
            made.close()

    def _listened(self, made: socket.socket) -> Endpoint:
        if self._place.path:
            return self._place
        name = made.getsockname()
        return Endpoint(self._place.scheme, name[0], name[1])


class Inherited(socket.socket):
    """A listening socket in a worker, by the descriptor it inherited."""

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


def _tcp(place: Endpoint) -> Iterator[socket.socket]:
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, address in dict.fromkeys((family, address[:2]) for family, _, _, _, address in found):
        yield _bound(family, address)


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made
