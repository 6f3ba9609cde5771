"""The hash chain over the trace: each row's hash covers its content and the hash of the row before.

Two rows of `trace_chain` hold its ends: `head`, the newest row, and `anchor`, the last one that retention took
out. A third, `renamed`, is the last row that version 0.1.0 wrote, with "seal" where "encrypt" stands now. Whoever
can write the database can also compute a chain anew; that is why the newest hash goes into the log every day, where
`verify` can be shown it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from relay.model import Address, Record
from relay.model.errors import AddressError
from relay.store.schema import chain, trace

ANCHOR = "anchor"
HEAD = "head"
RENAMED = "renamed"

_FIELDS = tuple(field.name for field in fields(Record))
_LATER = {"shadow": False, "direction": "out", "mark": "", "binding": ""}
"""What was added later, in this order, and what rows before that have: no hash covers these at the end of a row."""
_FIRST_FIELDS = tuple(name for name in _FIELDS if name not in _LATER)
CONTENT = ("number", *_FIRST_FIELDS, "sender_key", "recipient_key", *_LATER)
"""What a hash covers, in this order."""

_ACTION = CONTENT.index("action")
_VALUES = attrgetter(*_FIRST_FIELDS)  # `astuple` copies each value: a fifth of a row's time under the write lock
_LATER_VALUES = attrgetter(*_LATER)
_LINK = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)
# Made once: SQLAlchemy takes longer to make a statement than SQLite to run it.
_BOTH = select(chain.c.name, chain.c.number, chain.c.hash)
_MOVE = update(chain).where(chain.c.name == bindparam("end")).values(number=bindparam("to"), hash=bindparam("with"))
_BEGIN = insert(chain)
_APPEND = insert(trace)


@dataclass(frozen=True, slots=True)
class Link:
    """A row's number (they count from 1) and its hash; an empty trace begins at number 0."""

    number: int = 0
    hash: bytes = bytes(32)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it as the log writes it. Raises `ValueError`."""
        found = _LINK.fullmatch(text)
        if not found:
            raise ValueError("a row of the trace is written NUMBER:HASH, as in the log")
        return cls(int(found[1]), bytes.fromhex(found[2]))

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Ends:
    """The last row that was deleted before the first one, and the newest row."""

    anchor: Link
    head: Link


def ends(connection: Connection) -> Ends:
    """Read both ends."""
    noted = {name: Link(number, bytes(hash_)) for name, number, hash_ in connection.execute(_BOTH)}
    anchor = noted.get(ANCHOR, Link())
    return Ends(anchor, noted.get(HEAD, anchor))


def note(connection: Connection, name: str, link: Link) -> None:
    """Write one end."""
    if not connection.execute(_MOVE, {"end": name, "to": link.number, "with": link.hash}).rowcount:
        connection.execute(_BEGIN, {"name": name, "number": link.number, "hash": link.hash})


def append(connection: Connection, records: Sequence[Record]) -> None:
    """Add rows at the head. The caller holds the write lock."""
    link = ends(connection).head
    rows = []
    for record in records:
        keys = (address_key(record.sender), address_key(record.recipient))
        content = [link.number + 1, *_VALUES(record), *keys, *_LATER_VALUES(record)]
        link = Link(link.number + 1, linked(link.hash, content))
        rows.append(dict(zip(CONTENT, content, strict=True)) | {"hash": link.hash})
    connection.execute(_APPEND, rows)
    note(connection, HEAD, link)


def linked(previous: bytes, content: Sequence[Any]) -> bytes:
    """The hash of a row after the one with hash `previous`."""
    canonical = json.dumps(content[: _covered(content)], separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(previous + canonical.encode("ascii")).digest()


def _covered(content: Sequence[Any]) -> int:
    """How many of its elements the hash covers."""
    end = len(content)
    for default in reversed(_LATER.values()):
        if content[end - 1] != default:
            break
        end -= 1
    return end


def as_hashed(content: Sequence[Any], renamed: int) -> Sequence[Any]:
    """The content as it was when its hash was made: rows up to number `renamed` said "seal"."""
    if content[0] > renamed or content[_ACTION] != "encrypt":
        return content
    return [*content[:_ACTION], "seal", *content[_ACTION + 1 :]]


def record(row: Row[Any]) -> Record:
    """The row as a value."""
    return Record(**{name: getattr(row, name) for name in _FIELDS})


def address_key(text: str) -> str:
    """The key that addresses are compared by; of text that is no address, its case-folded form."""
    try:
        return Address(text).key
    except AddressError:
        return text.casefold()
