"""The statements that make the tables of `relay.store.schema`, version by version, for SQLite and PostgreSQL alike.

A released step is never changed: what is on people's disks was made by it.
"""

from __future__ import annotations

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
        listed BOOLEAN NOT NULL, state TEXT NOT NULL, changed BIGINT NOT NULL, former {octets} NOT NULL)""",
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
        number BIGINT NOT NULL, token TEXT NOT NULL, refused BOOLEAN NOT NULL)""",
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
    "CREATE INDEX trace_mail ON trace (queue_id, recipient_key)",
    "CREATE INDEX certificate_proposed ON certificate (updated) WHERE proposed",
    "CREATE INDEX trace_key_changes ON trace (chain, number) WHERE action = 'key'",
    "CREATE INDEX trace_figures ON trace (time, action, rule)",
    "CREATE INDEX trace_queue_id ON trace (queue_id) WHERE queue_id <> ''",
    "CREATE INDEX trace_message_id ON trace (message_id) WHERE message_id <> ''",
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
    "CREATE TABLE node_key (node TEXT NOT NULL PRIMARY KEY, fingerprint TEXT NOT NULL, certificate {octets} NOT NULL)",
    "CREATE TABLE node_statement (id TEXT NOT NULL PRIMARY KEY, data {octets} NOT NULL)",
    """CREATE TABLE node_parcel (
        id TEXT NOT NULL PRIMARY KEY, fingerprint TEXT NOT NULL, data {octets} NOT NULL,
        made DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE node_secret (
        fingerprint TEXT NOT NULL, name TEXT NOT NULL, held BOOLEAN NOT NULL, PRIMARY KEY (fingerprint, name))""",
    "CREATE TABLE node_removal (node TEXT NOT NULL PRIMARY KEY, begun DOUBLE PRECISION NOT NULL)",
    """CREATE TABLE node_successor (
        node TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, PRIMARY KEY (node, old))""",
    # The lowest schema whose programs may still write: a newer one adds, and takes nothing away from them.
    "ALTER TABLE schema_version ADD COLUMN writers BIGINT NOT NULL DEFAULT 4",
)

_SIGHTINGS = (
    "ALTER TABLE answer ADD COLUMN authorities TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE sighting (
        address {octets} NOT NULL, fingerprint TEXT NOT NULL, domain TEXT NOT NULL, first DOUBLE PRECISION NOT NULL,
        latest DOUBLE PRECISION NOT NULL, signatures TEXT NOT NULL, noted DOUBLE PRECISION NOT NULL,
        taken DOUBLE PRECISION, PRIMARY KEY (address, fingerprint))""",
    "CREATE INDEX sighting_noted ON sighting (noted)",
    "CREATE INDEX sighting_domain ON sighting (domain, noted)",
)

_PICKUPS = (
    """CREATE TABLE pickup (
        id TEXT NOT NULL PRIMARY KEY, mail {octets} NOT NULL, recipient {octets} NOT NULL,
        recipient_text {octets} NOT NULL, sender {octets} NOT NULL, created DOUBLE PRECISION NOT NULL,
        expires DOUBLE PRECISION NOT NULL, size BIGINT NOT NULL, proof {octets} NOT NULL,
        message_id {octets} NOT NULL, state TEXT NOT NULL, opened DOUBLE PRECISION, warned BOOLEAN NOT NULL,
        answers BIGINT NOT NULL, answered BIGINT NOT NULL)""",
    "CREATE INDEX pickup_answered ON pickup (answered)",
    "CREATE INDEX pickup_mail ON pickup (mail, recipient)",
    "CREATE INDEX pickup_expires ON pickup (expires)",
    """CREATE TABLE pickup_preset (
        recipient {octets} NOT NULL PRIMARY KEY, code {octets} NOT NULL, expires DOUBLE PRECISION NOT NULL)""",
)

_PERSONS = (
    """CREATE TABLE person (
        name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, enabled BOOLEAN NOT NULL, enrolled BOOLEAN NOT NULL,
        enrolment {octets} NOT NULL, enrolment_ends DOUBLE PRECISION NOT NULL, way TEXT NOT NULL,
        ended BIGINT NOT NULL)""",
    """CREATE TABLE person_login (
        way TEXT NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (way, subject))""",
    """CREATE TABLE approval (
        digest {octets} NOT NULL PRIMARY KEY, person TEXT NOT NULL, given DOUBLE PRECISION NOT NULL)""",
)

STEPS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _SECOND,
    _THIRD,
    (*_FOURTH, *_OPENED_MAIL, *_CHAINS, *_NODES, *_FOURTH_BINDINGS, *_SIGHTINGS, *_PICKUPS, *_PERSONS),
)
