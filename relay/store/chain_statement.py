"""Rows appended to a hash chain by a part of one statement: PostgreSQL computes their hashes.

So no trip to the server lies between reading the newest row and writing the next one. The hashes are those of
`relay.store.hash_chain`, which verifies them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relay.model import Record
from relay.store import hash_chain, row_hash
from relay.store.one_statement import Part
from relay.store.schema import trace

_NAMES = row_hash.CONTENT[1:]
_TYPES = {"DOUBLE": "double precision"}
_COLUMNS = ", ".join(_NAMES)
_GIVEN = ", ".join(f"given.{name}" for name in _NAMES)
_ARRAYS = ", ".join(f"CAST(:{name} AS {_TYPES.get(str(kind := trace.c[name].type), kind)}[])" for name in _NAMES)
# Where there is no newest row its number is null, which the trace does not take: then nothing is written.
_APPEND = f"""head AS MATERIALIZED (
    SELECT number, hash FROM trace_chain WHERE chain = CAST(:chain AS text) AND name = '{hash_chain.HEAD}' FOR UPDATE),
linked (at, number, hash) AS (
    SELECT 0, (SELECT number FROM head), (SELECT hash FROM head)
    UNION ALL SELECT at + 1, number + 1,
        sha256(hash || convert_to('[' || number + 1 || ',' || (CAST(:contents AS text[]))[at + 1], 'UTF8'))
    FROM linked WHERE at < CAST(:count AS integer)),
appended AS (INSERT INTO trace (chain, number, hash, {_COLUMNS})
    SELECT CAST(:chain AS text), linked.number, linked.hash, {_GIVEN}
    FROM linked JOIN unnest({_ARRAYS}) WITH ORDINALITY AS given ({_COLUMNS}, at) ON given.at = linked.at),
moved AS (UPDATE trace_chain SET number = newest.number, hash = newest.hash
    FROM (SELECT number, hash FROM linked WHERE at = CAST(:count AS integer)) AS newest
    WHERE chain = CAST(:chain AS text) AND name = '{hash_chain.HEAD}')"""  # noqa: S608  our own names


def append(records: Sequence[Record], name: str) -> Part:
    """Add rows at the head of the chain with this name; an error of integrity where it has no head."""
    contents = [row_hash.content(record) for record in records]
    columns: dict[str, Any] = dict(zip(_NAMES, map(list, zip(*contents, strict=True)), strict=True))
    told = {"chain": name, "count": len(contents), "contents": [row_hash.behind_number(each) for each in contents]}
    return Part(_APPEND, columns | told)
