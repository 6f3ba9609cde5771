"""Either of the two ways to the database, the readers' and the writer's, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

READERS = 4

READING: dict[str, Any] = {
    "pool_size": READERS,
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
}


class Side(Protocol):
    """Either of the ways to the database: the readers', the writer's."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """In a connection of this side, to its end."""

    async def close(self) -> None:
        """Release connections and threads."""


def pool(busy_seconds: float) -> dict[str, Any]:
    """How connections are kept."""
    return {"hide_parameters": True, "pool_timeout": 2 * busy_seconds, "max_overflow": 0}
