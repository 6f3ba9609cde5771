"""The hash chains over the trace: each row's hash covers its content and the hash of the row before.

Each node that shares a database has a chain of its own, under its name, so that no node waits for another. A store of
one machine has one chain without a name. Two rows of `trace_chain` hold the ends of each: `head`, the newest row, and
`anchor`, the last one that retention took out. A third, `renamed`, is the last row that version 0.1.0 wrote, with
"seal" where "encrypt" stands now. Whoever can write the database can also compute a chain anew; that is why the newest
hash goes into the log every day, where `verify` can be shown it. Once a day each node also notes in its own chain the
newest rows of the others (`NOTED`), so that the removal of a chain, or of its end, is detected.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, bindparam, insert, select

from relay.model import Record
from relay.store.prepared import Prepared
from relay.store.row_hash import CONTENT, content, linked
from relay.store.schema import chain, trace
from relay.store.statements import add, put

ANCHOR = "anchor"
HEAD = "head"
RENAMED = "renamed"
OPTION = "chain"
"""Of a connection to a database that several nodes share: the name of this node's chain."""
NOTED = "chain"
"""The action of a row that is no decision: its reason is the newest row of another chain."""

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
        """The link before the first row of this chain; each name has another, so no chain can replace one."""
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


def all_ends(connection: Connection) -> dict[str, Ends]:
    """The ends of all chains, by name."""
    return {name: ends(connection, name) for name in names(connection)}


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
