"""The tables about the certificates of our own addresses."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, Table, Text

from relay.store.schema_types import Octets, tables

own_organisation = Table("own_organisation", tables, Column("fingerprint", Text, primary_key=True))

own_keys = Table(
    "own_key",
    tables,
    Column("address", Octets, primary_key=True),
    Column("address_text", Octets, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("subkeys", Text, nullable=False),
    Column("newest", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("former", LargeBinary, nullable=False),
)

own_subkeys = Table(
    "own_subkey", tables, Column("key_id", Text, primary_key=True), Column("address", Octets, primary_key=True)
)
"""The own address of each encryption subkey, by the key id that a message names."""

own_allowed = Table(
    "own_allowed", tables, Column("address", Octets, primary_key=True), Column("other", Octets, primary_key=True)
)

own_deleted = Table(
    "own_deleted",
    tables,
    Column("fingerprint", Text, primary_key=True),
    Column("keygrip", Text, nullable=False),
    Column("deleted", Double, nullable=False),
)
