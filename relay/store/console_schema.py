"""The tables of the console's own database: what people log in with, and who is logged in.

Who they are, and their roles, the relay's store says (`relay.store.persons`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

tables = MetaData()

schema_version = Table("schema_version", tables, Column("version", BigInteger, primary_key=True, autoincrement=False))

passwords = Table(
    "console_password",
    tables,
    Column("name", Text, primary_key=True),
    Column("generation", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("totp_used", BigInteger, nullable=False),
)
"""`generation`: of the enrolment by which it was set; it counts while that is the person's newest."""

passkeys = Table(
    "console_passkey",
    tables,
    Column("id", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("generation", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("used", BigInteger, nullable=False),
)
"""`used`: the signature counter (WebAuthn section 6.1.1)."""

sessions = Table(
    "console_session",
    tables,
    Column("token", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("generation", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
)

attempts = Table(
    "console_attempt",
    tables,
    Column("token", LargeBinary, primary_key=True),
    Column("way", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
)
"""Logins under way: what a provider or an authenticator has to answer to."""

_FIRST = (
    "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)",
    """CREATE TABLE console_password (
        name TEXT NOT NULL PRIMARY KEY, generation TEXT NOT NULL, password TEXT NOT NULL, totp TEXT NOT NULL,
        totp_used BIGINT NOT NULL)""",
    """CREATE TABLE console_passkey (
        id {octets} NOT NULL PRIMARY KEY, name TEXT NOT NULL, generation TEXT NOT NULL, public_key {octets} NOT NULL,
        used BIGINT NOT NULL)""",
    """CREATE TABLE console_session (
        token {octets} NOT NULL PRIMARY KEY, name TEXT NOT NULL, generation TEXT NOT NULL, login TEXT NOT NULL,
        role TEXT NOT NULL, csrf TEXT NOT NULL, began BIGINT NOT NULL, seen BIGINT NOT NULL)""",
    """CREATE TABLE console_attempt (
        token {octets} NOT NULL PRIMARY KEY, way TEXT NOT NULL, value TEXT NOT NULL, began BIGINT NOT NULL)""",
    "CREATE INDEX console_attempt_began ON console_attempt (began)",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
