"""What the relay and the process that asks domains (`apart`, `process`) say to each other.

One value is a line of JSON and, as they are, the octets whose sizes it names. Nothing is pickled: who speaks with
strangers is not believed to be well. Raises `BadFrame` for what is none, also where the other end has gone in the midst
of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.keys.wkd.answer import MAX_CERTIFICATES
from relay.keys.wkd.port import Document, Fetched
from relay.keys.wkd.reason import NAME, Reason
from relay.model import NotFound, Outage
from relay.model.errors import RelayError

LARGEST = 2 << 20  # what is fetched is a megabyte at most, and what is kept of it hardly more

_NO_FRAME = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)
METHODS = ("wkd/advanced", "wkd/direct", "")

_SIZES = "sizes"


class BadFrame(RelayError):
    """Nothing that we say."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One value."""

    words: dict[str, Any]
    octets: tuple[bytes, ...] = ()


def encode(words: dict[str, Any], octets: Sequence[bytes] = ()) -> bytes:
    """As it is sent."""
    head = json.dumps({**words, _SIZES: [len(one) for one in octets]})
    return b"".join((head.encode(), b"\n", *octets))


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """The next value; None where there will be no more."""
    try:
        line = await reader.readline()
        if not line:
            return None
        words = json.loads(line)
        return Frame(words, tuple([await reader.readexactly(size) for size in _sizes(words)]))
    except (*_NO_FRAME, EOFError, OSError) as error:
        raise BadFrame("not a frame") from error


def name_of(word: object) -> str:
    """An exception's name, if it is one."""
    return word if isinstance(word, str) and word.isidentifier() and len(word) < 64 else "?"


def _sizes(words: dict[str, Any]) -> list[int]:
    sizes = [int(size) for size in words.pop(_SIZES)]
    if len(sizes) > MAX_CERTIFICATES or any(size < 0 for size in sizes) or sum(sizes) > LARGEST:
        raise ValueError(sizes)
    return sizes


def encoded(number: int, fetched: Fetched) -> bytes:
    """An answer as it is sent."""
    words = {"answer": number, "kind": type(fetched).__name__, "method": fetched.method}
    match fetched:
        case Document(certificates=certificates):
            return encode(words, certificates)
        case Outage(reason=reason):
            return encode({**words, "reason": Reason(reason).name})
        case NotFound():
            return encode(words)


def decoded(frame: Frame) -> Fetched:
    """An answer as it was before."""
    try:
        method = METHODS[METHODS.index(frame.words["method"])]
        match frame.words["kind"]:
            case "Document" if frame.octets:
                return Document(method, frame.octets)
            case "Outage":
                return Outage(NAME, Reason[frame.words["reason"]], method)
            case "NotFound":
                return NotFound(NAME, method)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFrame("not an answer") from error
    raise BadFrame("no kind of answer")
