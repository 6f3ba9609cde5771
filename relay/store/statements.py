"""What statements of several modules have in common.

Those that put a row in its place whether or not there is one do so in one step. SQLite and PostgreSQL write them alike;
SQLAlchemy has a construct for each, and neither reads the other's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import Table, TextClause, bindparam, text

T = TypeVar("T")
CHUNK = 500
"""Values in one IN list: SQLite allows 32,766 parameters, old ones 999."""


_LATEST = 2.0**62
"""Fits a column of whole numbers."""


def whole(seconds: float) -> int:
    """The last whole second until then: PostgreSQL compares a column of such with a fraction by no index."""
    return math.floor(max(-_LATEST, min(seconds, _LATEST)))


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """The values in lists of `CHUNK` at most."""
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def put(table: Table) -> TextClause:
    """Insert a row, or write it over the one with its primary key."""
    key = {column.name for column in table.primary_key}
    rest = ", ".join(f"{column.name} = excluded.{column.name}" for column in table.columns if column.name not in key)
    return _insert(table, f"({', '.join(sorted(key))}) DO UPDATE SET {rest}")


def add(table: Table) -> TextClause:
    """Insert a row, unless there is one with its primary key."""
    return _insert(table, "DO NOTHING")


def _insert(table: Table, on_conflict: str) -> TextClause:
    names = [column.name for column in table.columns]
    values = ", ".join(f":{name}" for name in names)
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) ON CONFLICT {on_conflict}"  # noqa: S608  our own names
    return text(statement).bindparams(*(bindparam(column.name, type_=column.type) for column in table.columns))
