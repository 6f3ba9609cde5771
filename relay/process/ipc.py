"""Frames: messages between two processes of ours, over a pair of unnamed sockets.

A frame is an object of JSON (its words) and octet strings that travel as they are:

    !I number of strings, !Q length of the JSON, !Q length of each string, the JSON, the strings

The reader sets limits (`Limits`), which are checked before memory is allocated. Nothing in a frame is run or unpickled
here: `relay.process.pickled` puts Python values into frames, and a process that communicates with outside servers never
loads it. This module loads nothing else of the relay: `relay.keys.ldap.worker` starts as quickly without.

Raises `BadFrame` for what is no frame or more than the limits allow; `CutOff` where the other end has gone in the
middle of one.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

_HEAD = struct.Struct("!IQ")
_SIZE = struct.Struct("!Q")


class BadFrame(Exception):
    """What came is no frame, or more than the limits allow."""


class CutOff(BadFrame):
    """The other end has gone in the middle of a frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message between two processes: words as JSON, and octets beside them."""

    words: dict[str, Any]
    strings: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a frame may hold: octets of JSON, strings, and octets of all strings together."""

    words: int = 1 << 16
    strings: int = 0
    octets: int = 0

    def admit(self, words: int, sizes: Sequence[int]) -> bool:
        """Whether a frame may have so much JSON, and strings of these sizes."""
        return words <= self.words and len(sizes) <= self.strings and sum(sizes) <= self.octets


def encode(words: dict[str, Any], strings: Sequence[bytes] = (), limits: Limits | None = None) -> list[bytes]:
    """What is sent for one frame, in pieces: long strings are not copied. Raises `BadFrame` beyond the limits."""
    said = json.dumps(words).encode()
    if limits and not limits.admit(len(said), [len(string) for string in strings]):
        raise BadFrame("a frame is larger than it may be")
    sizes = b"".join(_SIZE.pack(len(string)) for string in strings)
    return [_HEAD.pack(len(strings), len(said)) + sizes + said, *strings]


# One process waits for the other: sockets that block


def send(
    channel: socket.socket, words: dict[str, Any], strings: Sequence[bytes] = (), limits: Limits | None = None
) -> None:
    """One frame; nothing is sent where it is beyond the limits. Raises `OSError` too."""
    for piece in encode(words, strings, limits):
        channel.sendall(piece)


def receive(channel: socket.socket, limits: Limits) -> Frame | None:
    """The next frame; None where the other end has gone. Raises `OSError` too."""
    head = _read(channel, _HEAD.size, first=True)
    if not head:
        return None
    count, said = _counted(head, limits)
    sizes = _sizes(_read(channel, count * _SIZE.size), said, limits)
    words = _words(_read(channel, said))
    return Frame(words, tuple([_read(channel, size) for size in sizes]))


def _read(channel: socket.socket, octets: int, *, first: bool = False) -> bytes:
    """Exactly so many, in one piece where nothing interrupts."""
    pieces: list[bytes] = []
    while octets:
        piece = channel.recv(octets, socket.MSG_WAITALL)
        if not piece:
            if first and not pieces:
                return b""
            raise CutOff("the other process broke off")
        pieces.append(piece)
        octets -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


# One process goes on meanwhile: asyncio's streams


class Channel:
    """One end, in the running event loop; make it with `open`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        """Open a channel over this socket, and take the socket over."""
        return cls(*await asyncio.open_connection(sock=end))

    @property
    def idle(self) -> bool:
        """Whether the other end has taken all that was sent."""
        return self._writer.transport.get_write_buffer_size() == 0

    def send(self, words: dict[str, Any], strings: Sequence[bytes] = ()) -> None:
        """One frame, without waiting. Nothing happens where the other end has gone: `receive` shows that."""
        if not self._writer.transport.is_closing():  # else asyncio would write of it into our log
            self._writer.writelines(encode(words, strings))

    async def drain(self) -> None:
        """Wait until the other end takes more. Raises `OSError`."""
        await self._writer.drain()

    async def receive(self, limits: Limits) -> Frame | None:
        """The next frame; None where there will be no more."""
        try:
            head = await self._reader.readexactly(_HEAD.size)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise CutOff("the other process broke off") from error
            return None
        except OSError:
            return None
        try:
            count, said = _counted(head, limits)
            sizes = _sizes(await self._reader.readexactly(count * _SIZE.size), said, limits)
            words = _words(await self._reader.readexactly(said))
            return Frame(words, tuple([await self._reader.readexactly(size) for size in sizes]))
        except (EOFError, OSError) as error:
            raise CutOff("the other process broke off") from error

    def close(self) -> None:
        """Close this end of the socket; the other end reads its end."""
        self._writer.close()


def _counted(head: bytes, limits: Limits) -> tuple[int, int]:
    count, said = _HEAD.unpack(head)
    if count > limits.strings or said > limits.words:
        raise BadFrame("a frame is larger than it may be")
    return count, said


def _sizes(octets: bytes, said: int, limits: Limits) -> list[int]:
    sizes = [size for (size,) in _SIZE.iter_unpack(octets)]
    if not limits.admit(said, sizes):
        raise BadFrame("a frame is larger than it may be")
    return sizes


def _words(octets: bytes) -> dict[str, Any]:
    try:
        words = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise BadFrame("a frame holds no JSON") from error
    if not isinstance(words, dict):
        raise BadFrame("a frame holds no object")
    return words
