"""A milter for Postfix, as far as tests need one: it adds a field at the top, or refuses a mail that holds a word.

It speaks the protocol of Sendmail's milters, version 6: a length, a command and its data (mfdef.h of libmilter).
`Milter` is a context manager and serves from threads.
"""

from __future__ import annotations

import socketserver
import struct
import threading

from lab.serving import Server, Serving

_LENGTH = struct.Struct("!I")
_OPTIONS = struct.Struct("!III")
_CONTINUE = b"c"
_INSERT_HEADER = b"i"
_REPLY = b"y"
_MAY_ADD_HEADERS = 0x01
_SILENT = frozenset({b"D", b"A"})
"""Macros, and the end of a transaction, have no answer."""


class Milter(Serving):
    """`field` is inserted as the first one; a mail whose body holds `word` is refused."""

    def __init__(self, *, field: tuple[str, str] | None = None, word: bytes | None = None) -> None:
        self.field = field
        self.word = word
        self.bodies: list[bytes] = []
        """Of each mail that it saw, as far as Postfix showed it."""
        super().__init__(_Server(self))

    @property
    def spec(self) -> str:
        """As `smtpd_milters` takes it."""
        return f"inet:127.0.0.1:{self.port}"


class _Server(Server):
    def __init__(self, milter: Milter) -> None:
        self.milter = milter
        self.lock = threading.Lock()
        super().__init__(_Session)


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        body = b""
        while head := self.rfile.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(head)
            packet = self.rfile.read(length)
            command, data = packet[:1], packet[1:]
            match command:
                case b"O":
                    version, actions, _ = _OPTIONS.unpack(data[: _OPTIONS.size])
                    self._say(b"O", _OPTIONS.pack(min(version, 6), actions & _MAY_ADD_HEADERS, 0))
                case b"Q":
                    return
                case b"B":
                    body += data
                    self._say(_CONTINUE)
                case b"E":
                    self._end(body)
                    body = b""
                case _ if command not in _SILENT:
                    self._say(_CONTINUE)

    def _end(self, body: bytes) -> None:
        milter = self.server.milter
        with self.server.lock:
            milter.bodies.append(body)
        if milter.word and milter.word in body:
            self._say(_REPLY, b"550 5.7.1 Refused by the scanner\0")
            return
        if milter.field:
            name, value = milter.field
            self._say(_INSERT_HEADER, struct.pack("!I", 0) + f"{name}\0{value}\0".encode())
        self._say(_CONTINUE)

    def _say(self, command: bytes, data: bytes = b"") -> None:
        self.wfile.write(_LENGTH.pack(len(data) + 1) + command + data)
        self.wfile.flush()
