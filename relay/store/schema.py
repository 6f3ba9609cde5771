"""The store's tables, for SQLite and PostgreSQL alike, and the steps that make them.

`STEPS` are the migrations, in order; the first makes an empty database ours. A step that was ever released
is never changed: what is on people's disks was made by it. The `Table` objects below say the same to
SQLAlchemy, and a test holds the two together.
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

# {octets} is BLOB or BYTEA; {integer} is INTEGER (which SQLite makes the row's own number) or BIGINT; {clustered} keeps
# the rows of a SQLite table in the order of its primary key, which PostgreSQL has no word for.
_FIRST = (
    "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)",
    "CREATE TABLE state (name TEXT NOT NULL PRIMARY KEY, value {octets} NOT NULL)",
    """CREATE TABLE certificate (
        fingerprint TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, origin TEXT NOT NULL, updated BIGINT NOT NULL,
        proposed BOOLEAN NOT NULL, expires BIGINT, data {octets} NOT NULL, verdict TEXT NOT NULL)""",
    "CREATE INDEX certificate_key_id ON certificate (key_id)",
    "CREATE INDEX certificate_expires ON certificate (expires)",
    """CREATE TABLE address (
        address {octets} NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (address, fingerprint))""",
    "CREATE INDEX address_fingerprint ON address (fingerprint)",
    "CREATE TABLE rejected (fingerprint TEXT NOT NULL PRIMARY KEY)",
    """CREATE TABLE ledger (
        digest {octets} NOT NULL, recipient {octets} NOT NULL, recorded DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (digest, recipient))""",
    "CREATE INDEX ledger_recorded ON ledger (recorded)",
    """CREATE TABLE trace (
        number {integer} NOT NULL PRIMARY KEY, time DOUBLE PRECISION NOT NULL, id TEXT NOT NULL,
        queue_id TEXT NOT NULL, message_id TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
        action TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, fingerprint TEXT NOT NULL,
        signed_by TEXT NOT NULL, reply TEXT NOT NULL, size BIGINT NOT NULL,
        sender_key TEXT NOT NULL, recipient_key TEXT NOT NULL, hash {octets} NOT NULL)""",
    "CREATE INDEX trace_id ON trace (id)",
    "CREATE INDEX trace_recipient_key ON trace (recipient_key)",
    "CREATE TABLE trace_chain (name TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, hash {octets} NOT NULL)",
)

_SECOND = (
    "CREATE TABLE approved (fingerprint TEXT NOT NULL PRIMARY KEY)",
    """CREATE TABLE answer (
        source TEXT NOT NULL, address {octets} NOT NULL, asked DOUBLE PRECISION NOT NULL, result TEXT NOT NULL,
        method TEXT NOT NULL, fingerprint TEXT NOT NULL, reason TEXT NOT NULL, expires BIGINT,
        PRIMARY KEY (source, address))""",
    "CREATE INDEX answer_asked ON answer (asked)",
    "CREATE TABLE duty (name TEXT NOT NULL PRIMARY KEY, until DOUBLE PRECISION NOT NULL, done DOUBLE PRECISION)",
)

_THIRD = ("ALTER TABLE trace ADD COLUMN shadow BOOLEAN NOT NULL DEFAULT FALSE",)

_OWN_SUBKEYS = (
    """CREATE TABLE own_subkey (
        key_id TEXT NOT NULL, address {octets} NOT NULL, PRIMARY KEY (key_id, address))""",
    "CREATE INDEX own_subkey_address ON own_subkey (address)",
)

_INCOMING = (
    "ALTER TABLE trace ADD COLUMN direction TEXT NOT NULL DEFAULT 'out'",
    "ALTER TABLE trace ADD COLUMN mark TEXT NOT NULL DEFAULT ''",
)

_FOURTH = (
    # Version 0.1.0 wrote "seal" for "encrypt". Hashes cover the old word up to this row (`hash_chain.RENAMED`).
    "INSERT INTO trace_chain (name, number, hash) SELECT 'renamed', number, hash FROM trace_chain WHERE name = 'head'",
    "UPDATE trace SET action = 'encrypt' WHERE action = 'seal'",
    "ALTER TABLE certificate ADD COLUMN version BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE own_organisation (fingerprint TEXT NOT NULL PRIMARY KEY)",
    """CREATE TABLE own_key (
        address {octets} NOT NULL PRIMARY KEY, address_text {octets} NOT NULL, fingerprint TEXT NOT NULL,
        data {octets} NOT NULL, subkeys TEXT NOT NULL, newest BIGINT NOT NULL, created BIGINT NOT NULL,
        listed BOOLEAN NOT NULL, state TEXT NOT NULL, changed BIGINT NOT NULL)""",
    "CREATE INDEX own_key_newest ON own_key (newest)",
    """CREATE TABLE own_allowed (
        address {octets} NOT NULL, other {octets} NOT NULL, PRIMARY KEY (address, other))""",
    """CREATE TABLE own_deleted (
        fingerprint TEXT NOT NULL PRIMARY KEY, keygrip TEXT NOT NULL, deleted DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE revoker (
        revoker TEXT NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (revoker, fingerprint))""",
    "CREATE INDEX revoker_fingerprint ON revoker (fingerprint)",
    *_OWN_SUBKEYS,
    *_INCOMING,
)

_OPENED_MAIL = (
    "CREATE TABLE opened_identifier (digest {octets} NOT NULL PRIMARY KEY, noted DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX opened_identifier_noted ON opened_identifier (noted)",
    """CREATE TABLE return_token (
        digest {octets} NOT NULL PRIMARY KEY, id TEXT NOT NULL, sender {octets} NOT NULL, recipients TEXT NOT NULL,
        told TEXT NOT NULL, options TEXT NOT NULL, header {octets} NOT NULL, received TEXT NOT NULL,
        made DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX return_token_made ON return_token (made)",
)

_FOURTH_BINDINGS = (
    "CREATE TABLE binding (pattern {octets} NOT NULL PRIMARY KEY, fingerprints TEXT NOT NULL, signs BOOLEAN NOT NULL)",
    "ALTER TABLE trace ADD COLUMN binding TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE enrolment (
        challenge TEXT NOT NULL PRIMARY KEY, address {octets} NOT NULL, address_text {octets} NOT NULL,
        domain TEXT NOT NULL, fingerprint TEXT NOT NULL, data {octets} NOT NULL, asked DOUBLE PRECISION NOT NULL,
        expires DOUBLE PRECISION NOT NULL, way TEXT NOT NULL)""",
    "CREATE INDEX enrolment_asked ON enrolment (asked)",
    """CREATE TABLE invitation (
        address {octets} NOT NULL PRIMARY KEY, domain TEXT NOT NULL, sent DOUBLE PRECISION NOT NULL,
        number BIGINT NOT NULL)""",
    "CREATE TABLE keyserver (url TEXT NOT NULL PRIMARY KEY, proved DOUBLE PRECISION NOT NULL)",
    """CREATE TABLE proposal (
        fingerprint TEXT NOT NULL PRIMARY KEY, first_seen DOUBLE PRECISION NOT NULL, dkim_domain TEXT NOT NULL)""",
)

# The trace has a chain for each node; what was written before stands in the chain without a name.
_CHAINS = (
    """CREATE TABLE trace_of_nodes (
        chain TEXT NOT NULL, number BIGINT NOT NULL, time DOUBLE PRECISION NOT NULL, id TEXT NOT NULL,
        queue_id TEXT NOT NULL, message_id TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
        action TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, fingerprint TEXT NOT NULL,
        signed_by TEXT NOT NULL, reply TEXT NOT NULL, size BIGINT NOT NULL,
        sender_key TEXT NOT NULL, recipient_key TEXT NOT NULL, hash {octets} NOT NULL,
        shadow BOOLEAN NOT NULL, direction TEXT NOT NULL, mark TEXT NOT NULL,
        PRIMARY KEY (chain, number)){clustered}""",
    """INSERT INTO trace_of_nodes SELECT '', number, time, id, queue_id, message_id, sender, recipient, action, rule,
        reason, fingerprint, signed_by, reply, size, sender_key, recipient_key, hash, shadow, direction, mark FROM trace
        ORDER BY number""",
    "DROP TABLE trace",
    "ALTER TABLE trace_of_nodes RENAME TO trace",
    "CREATE INDEX trace_id ON trace (id)",
    "CREATE INDEX trace_recipient_key ON trace (recipient_key)",
    "CREATE INDEX trace_sender_key ON trace (sender_key)",
    "CREATE INDEX trace_held ON trace (time) WHERE action = 'hold'",
    """CREATE TABLE chain_of_nodes (
        chain TEXT NOT NULL, name TEXT NOT NULL, number BIGINT NOT NULL, hash {octets} NOT NULL,
        PRIMARY KEY (chain, name))""",
    "INSERT INTO chain_of_nodes SELECT '', name, number, hash FROM trace_chain",
    "DROP TABLE trace_chain",
    "ALTER TABLE chain_of_nodes RENAME TO trace_chain",
)

_NODES = (
    "ALTER TABLE duty ADD COLUMN node TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE node (
        node TEXT NOT NULL PRIMARY KEY, version TEXT NOT NULL, schema BIGINT NOT NULL, since DOUBLE PRECISION NOT NULL,
        seen DOUBLE PRECISION NOT NULL, policy TEXT NOT NULL, signing TEXT NOT NULL, rate DOUBLE PRECISION NOT NULL,
        connections BIGINT NOT NULL)""",
    # The lowest schema whose programs may still write: a newer one adds, and takes nothing away from them.
    "ALTER TABLE schema_version ADD COLUMN writers BIGINT NOT NULL DEFAULT 4",
)

_PICKUPS = (
    """CREATE TABLE pickup (
        id TEXT NOT NULL PRIMARY KEY, mail {octets} NOT NULL, recipient {octets} NOT NULL,
        recipient_text {octets} NOT NULL, sender {octets} NOT NULL, created DOUBLE PRECISION NOT NULL,
        expires DOUBLE PRECISION NOT NULL, size BIGINT NOT NULL, proof {octets} NOT NULL,
        message_id {octets} NOT NULL, state TEXT NOT NULL, opened DOUBLE PRECISION, warned BOOLEAN NOT NULL)""",
    "CREATE INDEX pickup_mail ON pickup (mail, recipient)",
    "CREATE INDEX pickup_expires ON pickup (expires)",
    """CREATE TABLE pickup_preset (
        recipient {octets} NOT NULL PRIMARY KEY, code {octets} NOT NULL, expires DOUBLE PRECISION NOT NULL)""",
)

STEPS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    (*_FOURTH, *_OPENED_MAIL, *_CHAINS, *_NODES, *_FOURTH_BINDINGS, *_PICKUPS),
)
