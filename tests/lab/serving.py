"""A server of the lab that serves from threads, for as long as a block runs."""

from __future__ import annotations

import socket
import socketserver
import threading
from types import TracebackType
from typing import Self


class Server(socketserver.ThreadingTCPServer):
    """On a free port of 127.0.0.1."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, dialogue: type[socketserver.StreamRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), dialogue)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection. Replies to pipelined commands do not wait for each other's acknowledgement."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


class Serving:
    """`with` it serves; nothing of it is left running."""

    def __init__(self, server: socketserver.TCPServer) -> None:  # a UDPServer is one
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
