"""What statements of several modules have in common.

Those that put a row in its place whether or not there is one do so in one step. SQLite and PostgreSQL write them alike;
SQLAlchemy has a construct for each, and neither reads the other's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Boolean, ColumnElement, Table, TextClause, bindparam, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

T = TypeVar("T")
CHUNK = 500
"""Values in one IN list: SQLite allows 32,766 parameters, old ones 999."""
_SPECIAL = re.compile(r"[/%_]")
"""Characters with a meaning of their own in a pattern of LIKE."""
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


class _Like(FunctionElement[bool]):
    """`text LIKE pattern` in any case. SQLite's own LIKE ignores case; with `lower` it would take twice as long."""

    type = Boolean()
    inherit_cache = True


@compiles(_Like)
def _ilike(element: _Like, compiler: SQLCompiler, **given: Any) -> str:  # noqa: ANN401  SQLAlchemy's
    return _operator("ILIKE", element, compiler, given)


@compiles(_Like, "sqlite")
def _like(element: _Like, compiler: SQLCompiler, **given: Any) -> str:  # noqa: ANN401  SQLAlchemy's
    return _operator("LIKE", element, compiler, given)


def _operator(name: str, element: _Like, compiler: SQLCompiler, given: dict[str, Any]) -> str:
    one, other = (compiler.process(each, **given) for each in element.clauses)
    return f"{one} {name} {other} ESCAPE '/'"


def has(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether a text contains this part; the case of the letters A to Z is ignored."""
    escaped = _SPECIAL.sub(r"/\g<0>", part)
    return _Like(column, f"%{escaped}%")


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
