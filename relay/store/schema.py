"""The store's tables, as SQLAlchemy knows them: all of them by name, those about keys and nodes from their modules.

`relay.store.schema_steps` has the statements that make them; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, Table, Text

from relay.store.schema_keys import (
    addresses,
    answers,
    approved,
    bindings,
    certificates,
    enrolments,
    invitations,
    keyservers,
    proposals,
    rejected,
    revokers,
    sightings,
)
from relay.store.schema_nodes import (
    node_keys,
    node_parcels,
    node_removals,
    node_secrets,
    node_statements,
    node_successors,
    nodes,
)
from relay.store.schema_own import own_allowed, own_deleted, own_keys, own_organisation, own_subkeys
from relay.store.schema_types import Octets, tables

__all__ = [
    "Octets",
    "addresses",
    "answers",
    "approvals",
    "approved",
    "bindings",
    "certificates",
    "chain",
    "duties",
    "enrolments",
    "invitations",
    "keyservers",
    "ledger",
    "node_keys",
    "node_parcels",
    "node_removals",
    "node_secrets",
    "node_statements",
    "node_successors",
    "nodes",
    "opened_identifiers",
    "own_allowed",
    "own_deleted",
    "own_keys",
    "own_organisation",
    "own_subkeys",
    "person_logins",
    "persons",
    "pickup_presets",
    "pickups",
    "proposals",
    "rejected",
    "return_tokens",
    "revokers",
    "schema_version",
    "sightings",
    "state",
    "tables",
    "trace",
]

schema_version = Table(
    "schema_version",
    tables,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("writers", BigInteger, nullable=False),
)

state = Table(
    "state",
    tables,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

duties = Table(
    "duty",
    tables,
    Column("name", Text, primary_key=True),
    Column("until", Double, nullable=False),
    Column("done", Double),
    Column("node", Text, nullable=False),
)

ledger = Table(
    "ledger",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("recipient", Octets, primary_key=True),
    Column("recorded", Double, nullable=False),
)

trace = Table(
    "trace",
    tables,
    Column("chain", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("time", Double, nullable=False),
    Column("id", Text, nullable=False),
    Column("queue_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("signed_by", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sender_key", Text, nullable=False),
    Column("recipient_key", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("direction", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("binding", Text, nullable=False),
)

chain = Table(
    "trace_chain",
    tables,
    Column("chain", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

opened_identifiers = Table(
    "opened_identifier",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("noted", Double, nullable=False),
)
"""Message identifiers of mail that was opened."""

return_tokens = Table(
    "return_token",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("id", Text, nullable=False),
    Column("sender", Octets, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("received", Text, nullable=False),
    Column("made", Double, nullable=False),
)
"""Return paths given to mail that was opened."""

pickups = Table(
    "pickup",
    tables,
    Column("id", Text, primary_key=True),
    Column("mail", LargeBinary, nullable=False),
    Column("recipient", Octets, nullable=False),
    Column("recipient_text", Octets, nullable=False),
    Column("sender", Octets, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("message_id", Octets, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened", Double),
    Column("warned", Boolean, nullable=False),
    Column("answers", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
)
"""`mail`: the digest of the transaction that it was made of; `answers`: how many came on the day `answered`."""

pickup_presets = Table(
    "pickup_preset",
    tables,
    Column("recipient", Octets, primary_key=True),
    Column("code", LargeBinary, nullable=False),
    Column("expires", Double, nullable=False),
)
"""Codes that recipients were given beforehand, encrypted."""

persons = Table(
    "person",
    tables,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("enrolled", Boolean, nullable=False),
    Column("enrolment", LargeBinary, nullable=False),
    Column("enrolment_ends", Double, nullable=False),
    Column("way", Text, nullable=False),
    Column("ended", BigInteger, nullable=False),
)
"""`enrolment`: SHA-256 of the newest one-time link; `way`: whose groups say the role, empty: an administrator; `ended`:
how many times all sessions were ended."""

person_logins = Table(
    "person_login",
    tables,
    Column("way", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("name", Text, nullable=False),
)

approvals = Table(
    "approval",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("person", Text, nullable=False),
    Column("given", Double, nullable=False),
)
"""Acts that one person has approved and that wait for a second one."""
