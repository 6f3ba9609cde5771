"""The store's tables, as SQLAlchemy knows them.

`relay.store.schema_steps` has the statements that make them; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, MetaData, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Octets(TypeDecorator[str]):
    """Text stored as its octets: compared without collation, and whole even where it is no Unicode.

    An address as received may hold octets that are not UTF-8 (kept as lone surrogates); no database takes
    those as text.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Text to octets."""
        del dialect
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Octets to text."""
        del dialect
        return None if value is None else bytes(value).decode("utf-8", "surrogatepass")


tables = MetaData()

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

duties = Table(
    "duty",
    tables,
    Column("name", Text, primary_key=True),
    Column("until", Double, nullable=False),
    Column("done", Double),
    Column("node", Text, nullable=False),
)

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
"""What secret keys are encrypted to that nodes pass to each other."""

node_statements = Table(
    "node_statement", tables, Column("id", Text, primary_key=True), Column("data", LargeBinary, nullable=False)
)
"""What nodes say of each other's keys, signed."""

node_parcels = Table(
    "node_parcel",
    tables,
    Column("id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("made", Double, nullable=False),
)
"""Secret keys on their way, encrypted to the key with that fingerprint."""

node_secrets = Table(
    "node_secret",
    tables,
    Column("fingerprint", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("held", Boolean, nullable=False),
)
"""The names of the secret keys that each node has (`held`), or that are on their way to it."""

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

proposals = Table(
    "proposal",
    tables,
    Column("fingerprint", Text, primary_key=True),
    Column("first_seen", Double, nullable=False),
    Column("dkim_domain", Text, nullable=False),
)
"""What is known of a proposed certificate beside it."""

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
"""Whose encryption subkeys a message names."""

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
)
"""`mail`: the digest of the transaction that it was made of."""

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
)
"""`enrolment`: SHA-256 of the newest one-time link; `way`: whose groups say the role, empty: an administrator."""

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
