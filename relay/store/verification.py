"""Checks that the trace is as it was written, along its hash chain (`relay.store.hash_chain`).

The result names the first row that was altered, removed or inserted. A chain that was computed anew as a whole, or cut
off at its end with its head moved, can only be recognised with a link from the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from relay.store.hash_chain import ANCHOR, HEAD, RENAMED, Link, as_hashed, linked
from relay.store.schema import chain, trace

# Subqueries of one statement see one state; MIN and MAX side by side would make SQLite read the whole table.
_EXTENT = select(
    select(func.min(trace.c.number)).scalar_subquery(),
    select(func.max(trace.c.number)).scalar_subquery(),
    *(
        select(column).where(chain.c.name == name).scalar_subquery()
        for name in (ANCHOR, HEAD)
        for column in (chain.c.number, chain.c.hash)
    ),
    select(chain.c.number).where(chain.c.name == RENAMED).scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result; `number` is the first row that is wrong, None where the chain holds."""

    checked: int
    head: Link
    number: int | None = None
    fault: str = ""

    @property
    def holds(self) -> bool:
        """Whether no row was altered, removed or inserted."""
        return self.number is None


class Extent(NamedTuple):
    """The ends of the trace, read in one statement."""

    first: int | None
    last: int | None
    anchor: Link
    head: Link
    renamed: int = 0
    """The last row whose hash covers "seal" where it says "encrypt" now."""


def extent(connection: Connection) -> Extent:
    """Read it."""
    told: tuple[Any, ...] = tuple(connection.execute(_EXTENT).one())
    first, last, anchor_number, anchor_hash, head_number, head_hash, renamed = told
    anchor = Link() if anchor_number is None else Link(anchor_number, bytes(anchor_hash))
    head = anchor if head_number is None else Link(head_number, bytes(head_hash))
    return Extent(first, last, anchor, head, renamed or 0)


class ChainVerifier:
    """Call `check` with the rows in their order while there is `more`; then read `verdict`."""

    def __init__(self, within: Extent, logged: Link | None) -> None:
        self._within = within
        self._logged = logged
        self._fault: tuple[int, str] | None = None
        self.link = within.anchor
        """The last row that was found unaltered."""
        if within.first is not None and within.first <= within.anchor.number:
            self._fault = within.first, "stands before the anchor"
        self._compare_with_log()

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
    def verdict(self) -> Verdict:
        """What was found so far."""
        head = self._within.head
        number, fault = self._fault or self._wrong_end() or (None, "")
        return Verdict(self.link.number - self._within.anchor.number, head, number, fault)

    def _step(self, row: Row[Any]) -> None:
        number = self.link.number + 1
        if row.number != number:
            self._fault = number, "missing"
        elif not _follows(row, self.link, self._within.renamed):
            self._fault = number, "altered"
        else:
            self.link = Link(number, bytes(row.hash))
            self._compare_with_log()

    def _compare_with_log(self) -> None:
        if self._logged and self._logged.number == self.link.number and self._logged != self.link:
            self._fault = self._fault or (self.link.number, "not as the log has it")

    def _wrong_end(self) -> tuple[int, str] | None:
        head = self._within.head
        if self.link != head:
            return head.number, "not as noted for the newest"
        if self._within.last is not None and self._within.last > head.number:
            return head.number + 1, "put in after the newest"
        if self._logged and self._logged.number > head.number:
            return head.number + 1, "missing at the end"
        return None


def _follows(row: Row[Any], before: Link, renamed: int) -> bool:
    content: list[Any]
    *content, hash_ = row
    try:
        return bool(linked(before.hash, as_hashed(content, renamed)) == hash_)
    except (TypeError, ValueError):  # a value of a type that is never written
        return False
