"""The content of a message on the wire: transparency and the end of DATA (RFC 5321 sections 4.1.1.4, 4.5.2).

Pure functions over bytes, without a loop over lines. A search for one octet is ten times as fast as one for three, and
most pieces of a large message (base64) have no dot: so dots are searched for first. Only CRLF.CRLF ends the content, so
that a bare CR or LF cannot smuggle a second message; they stay in the content, and the pipeline refuses it. Lines may
have any length.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

END = b"\r\n.\r\n"
SLICE = 256 * 1024
"""Octets written at once: the kernel copies them in a fraction of a millisecond."""
_NEWLINE = b"\r\n"


class Body:
    """Collects the content as it arrives, in pieces of any size, and removes the dot stuffing at once.

    Doing that at the end would block the event loop for a large message.

    `feed` returns None while more is to come, and what follows the final dot once it has been seen. A
    message over `limit` octets (as counted by RFC 1870: dots unstuffed) is read to its end and thrown away.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._content = BytesIO()  # `getvalue` returns its octets without a copy
        self._begun = _NEWLINE  # ends the DATA command, and with a dot the empty message
        self._first = True
        self.discarded = False
        """Whether nothing is kept: the message is too large, or `discard` was called."""

    def __len__(self) -> int:
        """The octets held now."""
        return self._content.tell() + len(self._begun)

    def feed(self, piece: bytes) -> bytes | None:
        """Take a piece; the octets after the final dot when it was in it."""
        wire = self._begun + piece
        end = wire.find(END) if b"." in wire else -1
        if end < 0:
            cut = len(wire) - _begins_end(wire)
            self._begun = wire[cut:]
            self._take(wire[:cut])
            return None
        self._begun = b""
        self._take(wire[: end + len(_NEWLINE)])
        return wire[end + len(END) :]

    def discard(self) -> None:
        """Keep only what is needed to find the end."""
        self.discarded = True
        self._content = BytesIO()

    def content(self) -> bytes | None:
        """The message, after `feed` found its end; None where it was thrown away."""
        return None if self.discarded else self._content.getvalue()

    def _take(self, wire: bytes) -> None:
        """The part of a piece that cannot belong to the end of the content or to a stuffed dot."""
        if self.discarded or not wire:
            return
        content = unstuff(wire)
        self._content.write(content[len(_NEWLINE) :] if self._first else content)
        self._first = False
        if self._content.tell() > self._limit:
            self.discard()


def _begins_end(wire: bytes) -> int:
    """How many of the last octets may be the first ones of the end of the content, or of a stuffed dot."""
    return next((octets for octets in range(len(END) - 1, 0, -1) if wire.endswith(END[:octets])), 0)


def unstuff(wire: bytes) -> bytes:
    """Take the first dot off every line behind a CRLF that begins with one; the same object where there is none."""
    return wire.replace(b"\r\n.", _NEWLINE) if b"." in wire else wire


def stuffed(content: bytes) -> Iterator[bytes | memoryview]:
    """The content as it is sent, in slices: dots stuffed, the final dot behind it.

    A message that does not end with CRLF gets one: there is no other way to send it. Slices without a dot, such as
    those of armor, are not copied.
    """
    start = 0
    while len(content) - start > SLICE:
        end = start + SLICE
        while content[end - 1 : end] == b"\r":  # CRLF and the dot behind it stay together
            end += 1
        yield _stuffed(content, start, end)
        start = end
    final = b".\r\n" if content.endswith(b"\r\n") or not content else END
    yield b"".join((_stuffed(content, start, len(content)), final))


def _stuffed(content: bytes, start: int, end: int) -> bytes | memoryview:
    if content.find(b".", start, end) < 0:
        return memoryview(content)[start:end]
    piece = content[start:end].replace(b"\r\n.", b"\r\n..")
    return b"." + piece if _begins_with_dot(content, start) else piece


def _begins_with_dot(content: bytes, at: int) -> bool:
    return content[at : at + 1] == b"." and (at == 0 or content[at - 2 : at] == b"\r\n")
