"""Statements that put a row in its place whether or not there is one, in one step.

SQLite and PostgreSQL write them alike. SQLAlchemy has a construct for each, and neither reads the other's.
"""

from __future__ import annotations

from sqlalchemy import Table, TextClause, bindparam, text


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
