"""Values between two of our own processes, over a pair of unnamed sockets.

Long octets travel beside the pickle, as they are: pickling them would hold the interpreter lock for as long as copying
takes. Both ends are one program of one user; nothing that came from outside is ever unpickled. Blocks;
raises `OSError`, and `EOFError` where the other end has gone.
"""

from __future__ import annotations

import io
import pickle
import socket
import struct
from typing import Any

LONG = 1 << 16
"""Octets from which on they travel beside the pickle."""

_HEAD = struct.Struct("!QI")
_SIZE = struct.Struct("!Q")


def send(channel: socket.socket, value: object) -> None:
    """One value."""
    for piece in pieces(value):
        channel.sendall(piece)


def pieces(value: object) -> list[bytes]:
    """What is sent for one value."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump(value)
    sizes = b"".join(_SIZE.pack(len(octets)) for octets in pickler.beside)
    return [_HEAD.pack(file.tell(), len(pickler.beside)) + sizes + file.getvalue(), *pickler.beside]


def receive(channel: socket.socket) -> Any:  # noqa: ANN401  whatever was sent
    """The next value."""
    size, count = _HEAD.unpack(_read(channel, _HEAD.size))
    sizes = [_SIZE.unpack(_read(channel, _SIZE.size))[0] for _ in range(count)]
    pickled = _read(channel, size)
    return _Unpickler(io.BytesIO(pickled), [_read(channel, octets) for octets in sizes]).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.beside: list[bytes] = []

    def persistent_id(self, obj: object) -> int | None:
        if type(obj) is not bytes or len(obj) < LONG:
            return None
        self.beside.append(obj)
        return len(self.beside) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, beside: list[bytes]) -> None:
        super().__init__(file)
        self._beside = beside

    def persistent_load(self, pid: int) -> bytes:
        return self._beside[pid]


def _read(channel: socket.socket, octets: int) -> bytes:
    """Exactly so many, in one piece where nothing interrupts."""
    pieces: list[bytes] = []
    while octets:
        piece = channel.recv(octets, socket.MSG_WAITALL)
        if not piece:
            raise EOFError
        pieces.append(piece)
        octets -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
