"""The two kinds of connections to the database, for reading and for writing, and their pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

READERS = 4


class ConnectionPool(Protocol):
    """The connections for reading, or the one for writing."""

    async def run(self, work: Callable[[Connection], T], lock: str = "") -> T:
        """Run the work in a connection; it is not cancelled. `lock`: no other work under this word meanwhile."""

    async def run_alone(self, statement: Callable[[Connection], object]) -> bool:
        """Run work that is one statement, committed when this returns.

        False: the database did not take it as it was, by a constraint of its tables.
        """

    async def close(self) -> None:
        """Release connections and threads."""


def reader_options(count: int = READERS) -> dict[str, Any]:
    """What connections for reading have of their own."""
    return {"pool_size": count, "isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


def pool_options(busy_seconds: float) -> dict[str, Any]:
    """The arguments of SQLAlchemy's connection pool."""
    return {"hide_parameters": True, "pool_timeout": 2 * busy_seconds, "max_overflow": 0}
