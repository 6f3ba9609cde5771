"""The places that a process of the relay listens on.

`add` raises `ListenError` where it cannot listen, `ValueError` for a place that is only delivered to.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

from relay.model.endpoint import Endpoint
from relay.model.errors import ListenError
from relay.smtp.listening import BACKLOG
from relay.smtp.unix_socket import ANYONE_HERE, make_way

ONE_A_TURN = 1
"""Of connections at a shared socket: asyncio takes as many as its backlog at once, which leaves others none."""


class Listeners:
    """Each place has a server, which makes a protocol for each connection (`protocol`: whether it speaks LMTP)."""

    def __init__(self, protocol: Callable[[bool], asyncio.Protocol]) -> None:
        self._protocol = protocol
        self._servers: list[asyncio.Server] = []
        self._sockets: list[Path] = []

    async def add(self, place: Endpoint, listening: socket.socket | None = None) -> tuple[str, ...]:
        """Listen there; the URLs really listened on. `listening` is the place's socket, where there is one already."""
        if place.starttls:
            raise ValueError(f"{place}: TLS for the inlet is set by tls, not by the scheme")
        try:
            if listening:
                return (await self._start_on(place, listening),)
            return (await self._start_unix(place),) if place.path else await self._start_tcp(place)
        except OSError as error:
            raise ListenError(f"{place} cannot be listened on: {_reason(error)}") from error

    def close(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.close()
        while self._sockets:  # once: the next relay may be there with its own
            self._sockets.pop().unlink(missing_ok=True)

    async def _start_tcp(self, place: Endpoint) -> tuple[str, ...]:
        server = await asyncio.get_running_loop().create_server(
            lambda: self._protocol(place.lmtp), place.host, place.port, backlog=BACKLOG
        )
        self._servers.append(server)
        names = (socket.getsockname() for socket in server.sockets)
        return tuple(str(Endpoint(place.scheme, name[0], name[1])) for name in names)

    async def _start_on(self, place: Endpoint, listening: socket.socket) -> str:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self._protocol(place.lmtp), sock=listening, backlog=ONE_A_TURN)
        self._servers.append(server)
        return str(place)

    async def _start_unix(self, place: Endpoint) -> str:
        make_way(place.path)  # asyncio would replace one that is in use
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: self._protocol(place.lmtp), place.path, backlog=BACKLOG
        )
        self._servers.append(server)
        self._sockets.append(Path(place.path))
        Path(place.path).chmod(ANYONE_HERE)  # noqa: ASYNC240  one system call, at start
        return str(place)


def _reason(error: OSError) -> str:
    """The system's words; a name that does not resolve has a number of another kind."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else "the name does not resolve"
