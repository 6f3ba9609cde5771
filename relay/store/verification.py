"""Checks that the trace is as it was written, along its hash chains (`relay.store.hash_chain`).

The result names the first row of each chain that was altered, removed or inserted. A chain that was computed anew as a
whole, cut off at its end with its head moved, or taken out altogether can only be recognised with a link that is kept
elsewhere: in the log, or in the chain of another node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Text, bindparam, func, select

from relay.store import hash_chain
from relay.store.hash_chain import ANCHOR, HEAD, NOTED, RENAMED, Link, Logged
from relay.store.row_hash import as_hashed, linked
from relay.store.schema import chain, trace

_OF = bindparam("of", type_=Text)
# Subqueries of one statement see one state; MIN and MAX side by side would make SQLite read the whole table.
_EXTENT = select(
    select(func.min(trace.c.number)).where(trace.c.chain == _OF).scalar_subquery(),
    select(func.max(trace.c.number)).where(trace.c.chain == _OF).scalar_subquery(),
    *(
        select(column).where(chain.c.chain == _OF, chain.c.name == name).scalar_subquery()
        for name in (ANCHOR, HEAD)
        for column in (chain.c.number, chain.c.hash)
    ),
    select(chain.c.number).where(chain.c.chain == _OF, chain.c.name == RENAMED).scalar_subquery(),
)
_CHAINS = select(trace.c.chain).distinct()


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """The result for one chain; `number` is the first row that is wrong, None where the chain holds."""

    name: str
    checked: int
    head: Link
    number: int | None = None
    fault: str = ""

    @property
    def holds(self) -> bool:
        """Whether no row was altered, removed or inserted."""
        return self.number is None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for all chains; `own` is the name of this node's."""

    chains: tuple[ChainVerdict, ...]
    own: str

    @property
    def holds(self) -> bool:
        """Whether all chains hold."""
        return self.faulty is None

    @property
    def faulty(self) -> ChainVerdict | None:
        """The verdict on the first chain that does not hold; None: all hold."""
        return next((each for each in self.chains if not each.holds), None)

    @property
    def checked(self) -> int:
        """The number of rows checked in all chains."""
        return sum(each.checked for each in self.chains)

    @property
    def head(self) -> Link:
        """The newest row of this node's chain."""
        return next((each.head for each in self.chains if each.name == self.own), Link.first(self.own))

    @property
    def number(self) -> int | None:
        """The first row that is wrong."""
        return self.faulty.number if self.faulty else None

    @property
    def fault(self) -> str:
        """What is wrong with it."""
        return self.faulty.fault if self.faulty else ""


class Extent(NamedTuple):
    """The ends of a chain, read in one statement."""

    first: int | None
    last: int | None
    anchor: Link
    head: Link
    renamed: int = 0
    """The last row whose hash covers "seal" where it says "encrypt" now."""


def names(connection: Connection) -> list[str]:
    """The names of all chains that have an end noted, or a row."""
    return sorted({*hash_chain.names(connection), *connection.execute(_CHAINS).scalars()})


def extent(connection: Connection, name: str) -> Extent:
    """Read the ends of a chain."""
    told: tuple[Any, ...] = tuple(connection.execute(_EXTENT, {"of": name}).one())
    first, last, anchor_number, anchor_hash, head_number, head_hash, renamed = told
    anchor = Link.first(name) if anchor_number is None else Link(anchor_number, bytes(anchor_hash))
    head = anchor if head_number is None else Link(head_number, bytes(head_hash))
    return Extent(first, last, anchor, head, renamed or 0)


class ChainVerifier:
    """Call `check` with the rows in their order while there is `more`; then read `verdict` and `noted`."""

    def __init__(self, name: str, within: Extent) -> None:
        self._name = name
        self._within = within
        self._fault: tuple[int, str] | None = None
        self.link = within.anchor
        """The last row that was found unaltered."""
        self.noted: list[Logged] = []
        """What its rows say of other chains."""
        if within.first is not None and within.first <= within.anchor.number:
            self._fault = within.first, "stands before the anchor"

    @property
    def more(self) -> bool:
        """Whether rows after `link` are to be checked."""
        return self._fault is None and self.link.number < self._within.head.number

    def check(self, rows: Sequence[Row[Any]]) -> None:
        """The rows that follow `link`: the content in the chain's order, then the hash."""
        if not rows:
            self._fault = self.link.number + 1, "missing at the end"
        for row in rows:
            if self.more:
                self._step(row)

    @property
    def verdict(self) -> ChainVerdict:
        """What was found so far."""
        head = self._within.head
        number, fault = self._fault or self._wrong_end() or (None, "")
        return ChainVerdict(self._name, self.link.number - self._within.anchor.number, head, number, fault)

    def _step(self, row: Row[Any]) -> None:
        number = self.link.number + 1
        if row.number != number:
            self._fault = number, "missing"
        elif not _follows(row, self.link, self._within.renamed):
            self._fault = number, "altered"
        else:
            self.link = Link(number, bytes(row.hash))
            if row.action == NOTED:
                self.noted.append(Logged.parse(row.reason))

    def _wrong_end(self) -> tuple[int, str] | None:
        head = self._within.head
        if self.link != head:
            return head.number, "not as noted for the newest"
        if self._within.last is not None and self._within.last > head.number:
            return head.number + 1, "put in after the newest"
        return None


def _follows(row: Row[Any], before: Link, renamed: int) -> bool:
    content: list[Any]
    *content, hash_ = row
    try:
        return bool(linked(before.hash, as_hashed(content, renamed)) == hash_)
    except (TypeError, ValueError):  # a value of a type that is never written
        return False
