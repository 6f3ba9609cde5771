"""The content of a message on the wire: transparency and the end of DATA (RFC 5321 sections 4.1.1.4, 4.5.2).

Pure functions over bytes, without a loop over lines: the searches run at the speed of `bytes.find`.
Nothing but CRLF.CRLF ends the content, so a bare CR or LF cannot smuggle a second message past us; they
stay in the content, where the pipeline judges them. No line is too long.
"""

from __future__ import annotations

from collections.abc import Iterator

END = b"\r\n.\r\n"
SLICE = 512 * 1024
_STUFFED_AT_WORST = 4 / 3  # CRLF.. is the stuffed form of CRLF.


class Body:
    """Collects the content as it arrives, in pieces of any cut.

    `feed` returns None while more is to come, and what follows the final dot once it has been seen. A
    message over `limit` octets (as counted by RFC 1870: dots unstuffed) is read to its end and thrown away.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._wire = bytearray(b"\r\n")  # ends the DATA command, and with a dot the empty message
        self._complete = False
        self.discarded = False
        """Nothing is kept: the message is too large, or `discard` was called."""

    def __len__(self) -> int:
        """The octets held now."""
        return len(self._wire)

    def feed(self, piece: bytes) -> bytes | None:
        """Take a piece; the octets after the final dot when it was in it."""
        seen = max(0, len(self._wire) - len(END) + 1)
        self._wire += piece
        end = self._wire.find(END, seen)
        if end < 0:
            if self.discarded or len(self._wire) > self._limit * _STUFFED_AT_WORST + len(END):
                self.discard()
            return None
        rest = bytes(self._wire[end + len(END) :])
        del self._wire[end + 2 :]
        self._complete = True
        return rest

    def discard(self) -> None:
        """Keep only what is needed to find the end."""
        self.discarded = True
        del self._wire[: -len(END) + 1]

    def pieces(self) -> Iterator[bytes]:
        """The message in slices, dots unstuffed. Once, after `feed` found the end; nothing is kept then."""
        assert self._complete, "the end has not been seen"  # noqa: S101  a caller's mistake, never input
        with memoryview(self._wire) as wire:
            start = 2
            while start < len(wire):
                end = _uncut(wire, start + SLICE)
                piece = bytes(wire[start:end])
                yield unstuff(piece) if start == 2 else piece.replace(b"\r\n.", b"\r\n")
                start = end
        self._wire.clear()

    def content(self) -> bytes | None:
        """The message, or None where it was thrown away."""
        return self.checked(b"".join(self.pieces()))

    def checked(self, content: bytes) -> bytes | None:
        """The joined pieces, or None where the message was thrown away."""
        return None if self.discarded or len(content) > self._limit else content


def _uncut(wire: memoryview, at: int) -> int:
    """Where a slice may end at or soon after `at`: not within CRLF and a dot."""
    for start in (at - 2, at - 1):
        if bytes(wire[start : start + 3]) == b"\r\n.":
            return start + 3
    return at


def unstuff(wire: bytes) -> bytes:
    """Take the first dot off every line that begins with one."""
    if wire.startswith(b"."):
        wire = wire[1:]
    return wire.replace(b"\r\n.", b"\r\n")  # the same object where there is none


def stuffed(content: bytes) -> Iterator[bytes]:
    """The content as it is sent, in slices: dots stuffed, the final dot behind it.

    A message that does not end with CRLF gets one: there is no other way to send it.
    """
    start = 0
    while len(content) - start > SLICE:
        end = start + SLICE
        while content[end - 1 : end] == b"\r":  # CRLF and the dot behind it stay together
            end += 1
        yield _stuffed(content, start, end)
        start = end
    final = b".\r\n" if content.endswith(b"\r\n") or not content else END
    yield _stuffed(content, start, len(content)) + final


def _stuffed(content: bytes, start: int, end: int) -> bytes:
    piece = content[start:end].replace(b"\r\n.", b"\r\n..")
    return b"." + piece if _begins_with_dot(content, start) else piece


def _begins_with_dot(content: bytes, at: int) -> bool:
    return content[at : at + 1] == b"." and (at == 0 or content[at - 2 : at] == b"\r\n")
