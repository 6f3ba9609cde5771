"""Rows that come one by one, in batches: the first ones of a table decide how wide its columns are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 1000


async def in_batches(rows: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    """All of them, in their order."""
    batch: list[T] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
