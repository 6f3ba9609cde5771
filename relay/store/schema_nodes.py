"""The tables about the machines that share a database, and the secret keys that they hand each other."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, Table, Text

from relay.store.schema_types import tables

nodes = Table(
    "node",
    tables,
    Column("node", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("schema", BigInteger, nullable=False),
    Column("since", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Column("policy", Text, nullable=False),
    Column("signing", Text, nullable=False),
    Column("rate", Double, nullable=False),
    Column("connections", BigInteger, nullable=False),
)
"""The machines that share this database; times by its clock."""

node_keys = Table(
    "node_key",
    tables,
    Column("node", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
)
"""The nodes' own public keys: nodes encrypt secret keys to each other's."""

node_statements = Table(
    "node_statement", tables, Column("id", Text, primary_key=True), Column("data", LargeBinary, nullable=False)
)
"""The nodes' signed statements about each other's keys."""

node_parcels = Table(
    "node_parcel",
    tables,
    Column("id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("made", Double, nullable=False),
)
"""Secret keys on their way, encrypted to the key with that fingerprint."""

node_removals = Table(
    "node_removal", tables, Column("node", Text, primary_key=True), Column("begun", Double, nullable=False)
)
"""Nodes whose removal was begun and is not finished; times by the database's clock."""

node_successors = Table(
    "node_successor",
    tables,
    Column("node", Text, primary_key=True),
    Column("old", Text, primary_key=True),
    Column("new", Text, nullable=False),
)
"""Which key replaces which one that the node had, until its removal is finished."""

node_secrets = Table(
    "node_secret",
    tables,
    Column("fingerprint", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("held", Boolean, nullable=False),
)
"""The names of the secret keys that each node has (`held`), or that are on their way to it."""
