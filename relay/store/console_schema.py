"""The tables of the console's own database: who may log in, and who is logged in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, MetaData, Table, Text

tables = MetaData()

schema_version = Table("schema_version", tables, Column("version", BigInteger, primary_key=True, autoincrement=False))

persons = Table(
    "console_person",
    tables,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("password", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("totp_used", BigInteger, nullable=False),
    Column("enrolment", LargeBinary, nullable=False),
    Column("enrolment_ends", BigInteger, nullable=False),
)

sessions = Table(
    "console_session",
    tables,
    Column("token", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
)

_FIRST = (
    "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)",
    """CREATE TABLE console_person (
        name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, enabled BOOLEAN NOT NULL, password TEXT NOT NULL,
        totp TEXT NOT NULL, totp_used BIGINT NOT NULL, enrolment {octets} NOT NULL, enrolment_ends BIGINT NOT NULL)""",
    """CREATE TABLE console_session (
        token {octets} NOT NULL PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, csrf TEXT NOT NULL,
        began BIGINT NOT NULL, seen BIGINT NOT NULL)""",
    "CREATE INDEX console_session_name ON console_session (name)",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
