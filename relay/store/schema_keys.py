"""The tables about correspondents' keys: certificates, where they are from, and what people decided."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, Table, Text

from relay.store.schema_types import Octets, tables

certificates = Table(
    "certificate",
    tables,
    Column("fingerprint", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("proposed", Boolean, nullable=False),
    Column("expires", BigInteger),
    Column("data", LargeBinary, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)

addresses = Table(
    "address",
    tables,
    Column("address", Octets, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
)

revokers = Table(
    "revoker",
    tables,
    Column("revoker", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
)
"""Certificates that carry an unverified revocation by a designated revoker."""

rejected = Table("rejected", tables, Column("fingerprint", Text, primary_key=True))

approved = Table("approved", tables, Column("fingerprint", Text, primary_key=True))

answers = Table(
    "answer",
    tables,
    Column("source", Text, primary_key=True),
    Column("address", Octets, primary_key=True),
    Column("asked", Double, nullable=False),
    Column("result", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expires", BigInteger),
    Column("authorities", Text, nullable=False, server_default=""),
)

proposals = Table(
    "proposal",
    tables,
    Column("fingerprint", Text, primary_key=True),
    Column("first_seen", Double, nullable=False),
    Column("dkim_domain", Text, nullable=False),
)
"""When a proposed certificate came, and the domain whose DKIM signature its mail had."""

sightings = Table(
    "sighting",
    tables,
    Column("address", Octets, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("first", Double, nullable=False),
    Column("latest", Double, nullable=False),
    Column("signatures", Text, nullable=False),
    Column("noted", Double, nullable=False),
    Column("taken", Double),
)
"""Keys that came with mail. `first`, `latest`: Date fields; `noted`, `taken`: when the first mail and the key came."""

enrolments = Table(
    "enrolment",
    tables,
    Column("challenge", Text, primary_key=True),
    Column("address", Octets, nullable=False),
    Column("address_text", Octets, nullable=False),
    Column("domain", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("asked", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("way", Text, nullable=False),
)

invitations = Table(
    "invitation",
    tables,
    Column("address", Octets, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("sent", Double, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("token", Text, nullable=False),
    Column("refused", Boolean, nullable=False),
)

keyservers = Table(
    "keyserver",
    tables,
    Column("url", Text, primary_key=True),
    Column("proved", Double, nullable=False),
)

bindings = Table(
    "binding",
    tables,
    Column("pattern", Octets, primary_key=True),
    Column("fingerprints", Text, nullable=False),
    Column("signs", Boolean, nullable=False),
)
