"""Locks that a transaction holds until its end, by words; on SQLite, which has one writer, there is nothing to lock."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from sqlalchemy import Connection, text

ALONE = 0x7067
"""The first of the two numbers of a lock for all of one kind."""
ROW = 0x7068
"""The same for one row."""

_ONE = text("SELECT pg_advisory_xact_lock(:kind, :which)")
_MANY = text("SELECT pg_advisory_xact_lock(:kind, which) FROM unnest(CAST(:numbers AS integer[])) AS which")


def alone(connection: Connection, word: str) -> None:
    """Return when no other transaction holds this word."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE, {"kind": ALONE, "which": number_of(word)})


def together(connection: Connection, kind: str, rows: Iterable[str]) -> None:
    """Return when no other transaction holds any of these rows; none waits for another in a circle."""
    if connection.dialect.name == "postgresql":
        numbers = sorted({number_of(f"{kind} {row}") for row in rows})
        connection.execute(_MANY, {"kind": ROW, "numbers": numbers})


def number_of(word: str) -> int:
    """32 bits with a sign; two words may have the same number, and then wait for each other."""
    return int.from_bytes(zlib.crc32(word.encode("utf-8", "surrogatepass")).to_bytes(4), signed=True)
