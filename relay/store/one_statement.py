"""What several modules write in one statement of PostgreSQL: one round trip to a server that may be far away.

A transaction of its own statements costs a trip for each of them, one to begin and one to commit. Each module gives a
part: queries of a WITH clause and their values. No part reads what another one writes: all of them see the database as
it was before the statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, TextClause, text


@dataclass(frozen=True, slots=True)
class Part:
    """Queries of a WITH clause, with commas between them; the names of queries and values are this part's alone."""

    queries: str
    values: Mapping[str, Any]


def run(connection: Connection, parts: Sequence[Part]) -> None:
    """Run all parts as one statement."""
    values = {name: value for part in parts for name, value in part.values.items()}
    connection.execute(_statement(tuple(part.queries for part in parts)), values)


@cache
def _statement(queries: Sequence[str]) -> TextClause:
    return text(f"WITH RECURSIVE {', '.join(queries)} SELECT 1")
