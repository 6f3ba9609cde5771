"""A name server (RFC 1035) that knows some texts and no other name, and tells which names it was asked for."""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Mapping

from lab.serving import Serving

_HEADER = struct.Struct(">HHHHHH")
_NOT_THERE = 0x8583
"""The flags of an answer: authoritative, recursion available, NXDOMAIN."""
_THERE = 0x8580
_TXT = 16
_RECORD = struct.Struct(">HHHIH")
_POINTER = 0xC00C
"""To the name in the question."""


class NameServer(Serving):
    """`with NameServer() as server: server.asked()`. It has port 53 of an address of its own in 127/8: needs root."""

    def __init__(self, texts: Mapping[str, str] = {}) -> None:
        self._asked: list[str] = []
        server = _bound()
        server.texts = texts
        server.asked = self._asked.append  # type: ignore[assignment, method-assign]  # it tells this one
        self.address = str(server.server_address[0])
        super().__init__(server)

    def asked(self) -> list[str]:
        """The names since the last call, each once."""
        names = list(dict.fromkeys(self._asked))
        self._asked.clear()
        return names


class _Server(socketserver.UDPServer):
    texts: Mapping[str, str]
    """TXT records, by name."""

    def asked(self, name: str) -> None:
        """Is told of each name."""


class _Question(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        question, socket = self.request
        name, end = _name(question)
        self.server.asked(name)
        (id_, *_) = _HEADER.unpack_from(question)
        asked, text = question[_HEADER.size : end], self.server.texts.get(name.lower())
        if text is None:
            socket.sendto(_HEADER.pack(id_, _NOT_THERE, 1, 0, 0, 0) + asked, self.client_address)
            return
        answers = [_txt(text)] if asked[-4:-2] == _TXT.to_bytes(2, "big") else []
        socket.sendto(_HEADER.pack(id_, _THERE, 1, len(answers), 0, 0) + asked + b"".join(answers), self.client_address)


def _bound() -> _Server:
    for last in range(2, 255):
        try:
            return _Server((f"127.83.{last}.53", 53), _Question)
        except OSError:  # somebody has it
            continue
    raise RuntimeError("no address is left")


def _txt(text: str) -> bytes:
    """A record for the name in the question, in strings of 255 octets (RFC 1035 section 3.3.14)."""
    octets = text.encode()
    strings = [octets[at : at + 255] for at in range(0, len(octets), 255)]
    data = b"".join(bytes((len(one),)) + one for one in strings)
    return _RECORD.pack(_POINTER, _TXT, 1, 60, len(data)) + data


def _name(question: bytes) -> tuple[str, int]:
    """The name, and where the question ends."""
    at, labels = _HEADER.size, []
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("utf-8", "replace"))
        at += 1 + length
    return ".".join(labels), at + 5
