"""A name server that knows no name (NXDOMAIN, RFC 1035), and tells which names it was asked for."""

from __future__ import annotations

import socketserver
import struct

from lab.serving import Serving

_HEADER = struct.Struct(">HHHHHH")
_NOT_THERE = 0x8583
"""The flags of an answer: authoritative, recursion available, NXDOMAIN."""


class NameServer(Serving):
    """`with NameServer() as server: server.asked()`. It has port 53 of an address of its own in 127/8: needs root."""

    def __init__(self) -> None:
        self._asked: list[str] = []
        server = _bound()
        server.asked = self._asked.append  # type: ignore[assignment, method-assign]  # it tells this one
        self.address = str(server.server_address[0])
        super().__init__(server)

    def asked(self) -> list[str]:
        """The names since the last call, each once."""
        names = list(dict.fromkeys(self._asked))
        self._asked.clear()
        return names


class _Server(socketserver.UDPServer):
    def asked(self, name: str) -> None:
        """Is told of each name."""


class _Question(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        question, socket = self.request
        name, end = _name(question)
        self.server.asked(name)
        (id_, *_) = _HEADER.unpack_from(question)
        socket.sendto(_HEADER.pack(id_, _NOT_THERE, 1, 0, 0, 0) + question[_HEADER.size : end], self.client_address)


def _bound() -> _Server:
    for last in range(2, 255):
        try:
            return _Server((f"127.83.{last}.53", 53), _Question)
        except OSError:  # somebody has it
            continue
    raise RuntimeError("no address is left")


def _name(question: bytes) -> tuple[str, int]:
    """The name, and where the question ends."""
    at, labels = _HEADER.size, []
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("utf-8", "replace"))
        at += 1 + length
    return ".".join(labels), at + 5
