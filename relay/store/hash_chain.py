"""The hash chains over the trace: each row's hash covers its content and the hash of the row before.

Each node that shares a database has a chain of its own, under its name, so that no node waits for another. A store of
one machine has one chain without a name. Two rows of `trace_chain` hold the ends of each: `head`, the newest row, and
`anchor`, the last one that retention took out. A third, `renamed`, is the last row that version 0.1.0 wrote, with
"seal" where "encrypt" stands now. Whoever can write the database can also compute a chain anew; that is why the newest
hash goes into the log every day, where `verify` can be shown it. Once a day each node also notes in its own chain what
the newest rows of the others are (`NOTED`), so that a chain that was taken out, or cut off at its end, shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Self

from sqlalchemy import Connection, Row, bindparam, insert, select

from relay.model import Address, Record
from relay.model.errors import AddressError
from relay.store.prepared import Prepared
from relay.store.schema import chain, trace
from relay.store.statements import add, put

ANCHOR = "anchor"
HEAD = "head"
RENAMED = "renamed"
OPTION = "chain"
"""Of a connection to a database that several nodes share: the name of this node's chain."""
NOTED = "chain"
"""The action of a row that is no decision: its reason is the newest row of another chain."""

_FIELDS = tuple(field.name for field in fields(Record))
_LATER = {"shadow": False, "direction": "out", "mark": "", "binding": ""}
"""What was added later, in this order, and what rows before that have: no hash covers these at the end of a row."""
_FIRST_FIELDS = tuple(name for name in _FIELDS if name not in _LATER)
CONTENT = ("number", *_FIRST_FIELDS, "sender_key", "recipient_key", *_LATER)
"""What a hash covers, in this order."""

_ADDRESSES = 2000
"""The number of addresses whose keys are remembered."""
_ACTION = CONTENT.index("action")
_VALUES = attrgetter(*_FIRST_FIELDS)  # `astuple` copies each value: a fifth of a row's time under the write lock
_LATER_VALUES = attrgetter(*_LATER)
_LINK = re.compile(r"(?:(.{1,255}):)?(\d{1,18}):([0-9a-f]{64})", re.ASCII)
# Made once: SQLAlchemy takes longer to make a statement than SQLite to run it.
_ENDS = select(chain.c.name, chain.c.number, chain.c.hash).where(chain.c.chain == bindparam("of"))
_NAMES = select(chain.c.chain).distinct().order_by(chain.c.chain)
_HEAD = Prepared(
    select(chain.c.number, chain.c.hash)
    .where(chain.c.chain == bindparam("of"), chain.c.name == bindparam("end"))
    .with_for_update()
)
_PUT = Prepared(put(chain))
_ADD = add(chain)
_APPEND = Prepared(insert(trace))


@dataclass(frozen=True, slots=True)
class Link:
    """A row's number (they count from 1) and its hash; an empty chain begins at number 0."""

    number: int = 0
    hash: bytes = bytes(32)

    @classmethod
    def first(cls, name: str) -> Self:
        """Where the chain of this name begins: no chain can be passed off as another."""
        return cls(0, hashlib.sha256(name.encode()).digest()) if name else cls()

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Logged:
    """A link as the log tells it, with the name of its chain; empty: some chain's."""

    link: Link
    chain: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it as the log writes it. Raises `ValueError`."""
        found = _LINK.fullmatch(text)
        if not found:
            raise ValueError("a row of the trace is written NUMBER:HASH or NODE:NUMBER:HASH, as in the log")
        return cls(Link(int(found[2]), bytes.fromhex(found[3])), found[1] or "")

    def __str__(self) -> str:
        return f"{self.chain}:{self.link}" if self.chain else str(self.link)


@dataclass(frozen=True, slots=True)
class Ends:
    """The last row that was deleted before the first one, and the newest row."""

    anchor: Link
    head: Link


def own(connection: Connection) -> str:
    """The name of this node's chain (`relay.store.database`)."""
    return str(connection.get_execution_options().get(OPTION, ""))


def names(connection: Connection) -> Sequence[str]:
    """The names of all chains."""
    return connection.execute(_NAMES).scalars().all()


def ends(connection: Connection, name: str) -> Ends:
    """Read both ends of a chain."""
    noted = {end: Link(number, bytes(hash_)) for end, number, hash_ in connection.execute(_ENDS, {"of": name})}
    anchor = noted.get(ANCHOR, Link.first(name))
    return Ends(anchor, noted.get(HEAD, anchor))


def note(connection: Connection, name: str, end: str, link: Link) -> None:
    """Write one end of a chain."""
    _PUT.run(connection, {"chain": name, "name": end, "number": link.number, "hash": link.hash})


def append(connection: Connection, records: Sequence[Record], name: str | None = None) -> None:
    """Add rows at the head of a chain, without a name of this node's.

    Another process that adds to it waits for the end of this transaction.
    """
    if name is None:
        name = own(connection)
    link = _taken_head(connection, name)
    rows = []
    for record in records:
        numbered = [link.number + 1, *content(record)]
        link = Link(link.number + 1, linked(link.hash, numbered))
        rows.append(dict(zip(CONTENT, numbered, strict=True)) | {"hash": link.hash, "chain": name})
    _APPEND.run(connection, rows)
    note(connection, name, HEAD, link)


def _taken_head(connection: Connection, name: str) -> Link:
    """The newest row, with the lock on it."""
    while not (found := _HEAD.run(connection, {"of": name, "end": HEAD})):
        begin = ends(connection, name).anchor
        connection.execute(_ADD, {"chain": name, "name": HEAD, "number": begin.number, "hash": begin.hash})
    return Link(found[0][0], bytes(found[0][1]))


def content(record: Record) -> list[Any]:
    """What a hash covers of a record: `CONTENT` without the row's number."""
    keys = (address_key(record.sender), address_key(record.recipient))
    return [*_VALUES(record), *keys, *_LATER_VALUES(record)]


def linked(previous: bytes, content: Sequence[Any]) -> bytes:
    """The hash of a row after the one with hash `previous`."""
    return hashlib.sha256(previous + _canonical(content).encode("ascii")).digest()


def behind_number(content: Sequence[Any]) -> str:
    """What follows the number and its comma in the text that a hash covers; content without the number."""
    return _canonical(content)[1:]


def _canonical(content: Sequence[Any]) -> str:
    return json.dumps(content[: _covered(content)], separators=(",", ":"), ensure_ascii=True, allow_nan=False)


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


@lru_cache(_ADDRESSES)
def address_key(text: str) -> str:
    """The key that addresses are compared by; of text that is no address, its case-folded form."""
    try:
        return Address(text).key
    except AddressError:
        return text.casefold()
