"""The tables of the public web service's own database, for SQLite and PostgreSQL alike, and the steps that make them.

It is another database than the relay's store: nothing of it is a secret, and the relay's store is not reached from it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, MetaData, Table, Text

tables = MetaData()

schema_version = Table("schema_version", tables, Column("version", BigInteger, primary_key=True, autoincrement=False))

objects = Table(
    "public_object",
    tables,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("octets", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("active", Boolean, nullable=False),
    Column("proof", LargeBinary, nullable=False),
)

events = Table(
    "public_event",
    tables,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("octets", LargeBinary, nullable=False),
)

counter = Table("public_counter", tables, Column("number", BigInteger, primary_key=True, autoincrement=False))
"""One row: the number of the last event, also where that event is gone."""

_FIRST = (
    "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)",
    """CREATE TABLE public_object (
        kind TEXT NOT NULL, id TEXT NOT NULL, octets {octets} NOT NULL, digest TEXT NOT NULL, size BIGINT NOT NULL,
        expires BIGINT, active BOOLEAN NOT NULL, proof {octets} NOT NULL, PRIMARY KEY (kind, id))""",
    "CREATE INDEX public_object_expires ON public_object (expires)",
    """CREATE TABLE public_event (
        number {integer} NOT NULL PRIMARY KEY, kind TEXT NOT NULL, about TEXT NOT NULL, time BIGINT NOT NULL,
        size BIGINT NOT NULL, octets {octets} NOT NULL)""",
    "CREATE INDEX public_event_kind ON public_event (kind)",
    "CREATE TABLE public_counter (number BIGINT NOT NULL PRIMARY KEY)",
    "INSERT INTO public_counter (number) VALUES (0)",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
