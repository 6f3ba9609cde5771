"""Statements that every mail runs: on SQLite its driver runs them, where SQLAlchemy takes longer than SQLite does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect(paramstyle="named")


class Prepared:
    """A statement whose values and columns are of types that drivers take and give as they are."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._text = str(statement.compile(dialect=_DIALECT))  # type: ignore[attr-defined]  # every statement here has it

    def run(
        self, connection: Connection, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] = {}
    ) -> Sequence[Any]:
        """Run it and return its rows. With a list of values it runs once for each of them."""
        if connection.dialect.name != "sqlite":
            result = connection.execute(self._statement, values)
            return result.all() if result.returns_rows else ()
        cursor = connection.connection.cursor()
        try:
            if isinstance(values, Mapping):
                cursor.execute(self._text, values)
            else:
                cursor.executemany(self._text, values)
            return cursor.fetchall()
        finally:
            cursor.close()
