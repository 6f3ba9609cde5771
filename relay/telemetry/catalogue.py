"""All metrics: name by Prometheus' conventions, meaning, labels.

The values of a label are our own words, names of rules or names of sources, never text from outside, so that no sender
can add series. docs/monitoring.md has this table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.enrolment import Fate
from relay.model.harvest import Outcome


class Kind(StrEnum):
    """The types of metrics in Prometheus' text format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `closed` are the values of its only label, which start at 0."""

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> str:
        """The name that Prometheus stores it under."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


_counter, _gauge, _histogram = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)
_STATES = ("usable", "expiring", "unusable", "proposed")
_KINDS = ("refused", "held", "undelivered", "returned", "code", "unread")
_REPLIES = ("accepted", "deferred", "rejected")

MESSAGES = Metric(_counter, "pgp_relay_messages", "Messages received; a retry by Postfix counts again.")
RECIPIENTS = Metric(_counter, "pgp_relay_recipients", "Decisions, one for each recipient.", ("action", "rule"))
MARKS = Metric(
    _counter, "pgp_relay_marks", "Marks of incoming mail, one for each recipient.", ("encryption", "signature")
)
REPLIES = Metric(_counter, "pgp_relay_replies", "Replies to the client, one for each recipient.", ("reply",), _REPLIES)
OCTETS = Metric(_counter, "pgp_relay_received_bytes", "Octets of the messages received.")
MESSAGE_SECONDS = Metric(
    _histogram, "pgp_relay_message_duration_seconds", "Time from a message's last octet to its reply.", buckets=_SLOW
)
LOOKUPS = Metric(
    _counter,
    "pgp_relay_lookups",
    "Answers used for decisions, also remembered ones.",
    ("source", "result"),
)
REQUESTS = Metric(
    _counter,
    "pgp_relay_source_requests",
    "Requests sent to a directory or to WKD.",
    ("source", "result"),
)
REQUEST_SECONDS = Metric(
    _histogram, "pgp_relay_source_request_duration_seconds", "Duration of these requests.", ("source",), buckets=_FAST
)
ENCRYPT_SECONDS = Metric(
    _histogram,
    "pgp_relay_encrypt_duration_seconds",
    "Time to sign, encrypt and check one message.",
    buckets=_FAST,
)
OPEN_SECONDS = Metric(
    _histogram, "pgp_relay_open_duration_seconds", "Time to decrypt and verify one message.", buckets=_FAST
)
REINJECT_SECONDS = Metric(
    _histogram, "pgp_relay_reinject_duration_seconds", "Time to hand one message to the next hop.", buckets=_SLOW
)
LAST_ENCRYPTION = Metric(
    _gauge, "pgp_relay_last_encryption_timestamp_seconds", "Time of the last encryption; 0: none since the start."
)
HOP_FAILURES = Metric(
    _counter,
    "pgp_relay_next_hop_failures",
    "Messages and notices that could not be handed to the next hop: no connection, timeout, or connection lost.",
)
HOP_REPLIES = Metric(
    _counter, "pgp_relay_next_hop_replies", "Replies of the next hop, one for each recipient.", ("reply",), _REPLIES
)
HOP_UP = Metric(_gauge, "pgp_relay_next_hop_up", "0: the next hop did not answer when it was last needed.")
PUBLIC_UP = Metric(
    _gauge, "pgp_relay_public_service_up", "0: the public web service did not answer when it was last asked."
)
NOTICES = Metric(
    _counter, "pgp_relay_notices", "Notices to senders that were handed to the next hop.", ("kind",), _KINDS
)
ENROLMENTS = Metric(
    _counter,
    "pgp_relay_enrolments",
    "Keys that correspondents sent in, and confirmations, by what became of them.",
    ("result",),
    tuple(fate.value for fate in Fate),
)
HARVESTED = Metric(
    _counter,
    "pgp_relay_harvested_keys",
    "Keys that incoming mail carried, by what became of them.",
    ("result",),
    tuple(outcome.value for outcome in Outcome),
)
INVITATIONS = Metric(_counter, "pgp_relay_invitations", "Correspondents who were asked for their key.")
CERTIFICATES = Metric(
    _gauge,
    "pgp_relay_certificates",
    "Certificates in the store: usable for 30 days or more, expiring sooner, unusable, or proposed.",
    ("state",),
    _STATES,
)
UNDERWAY = Metric(_gauge, "pgp_relay_messages_in_progress", "Messages received and not yet answered.")
WORKERS = Metric(_gauge, "pgp_relay_workers_alive", "Worker processes that serve now.")
WORKERS_WANTED = Metric(_gauge, "pgp_relay_workers_configured", "Worker processes that are configured.")
WORKERS_ENDED = Metric(_counter, "pgp_relay_workers_ended", "Worker processes that ended and were replaced.")
FAILURES = Metric(_counter, "pgp_relay_failures", "Log events `failed`; each is a fault or an outage.")
UNTRACED = Metric(_counter, "pgp_relay_untraced_rows", "Rows of the trace or ledger that had to wait for the store.")
UNANSWERED = Metric(_counter, "pgp_relay_unanswered_messages", "Messages whose client left before the reply.")
TURNED_AWAY = Metric(
    _counter,
    "pgp_relay_connections_refused",
    "Connections refused: client not in `allow`, or too many.",
    ("reason",),
    ("denied", "crowded"),
)
MEMORY_WAITS = Metric(_counter, "pgp_relay_memory_waits", "Large messages that had to wait for `memory`.")
NODES = Metric(_gauge, "pgp_relay_nodes", "Machines that share the database and run now, this one included.")
NODES_DIFFERING = Metric(_gauge, "pgp_relay_nodes_differing", "Others of them whose policy or signing keys differ.")
RELOADED = Metric(
    _gauge, "pgp_relay_config_last_reload_successful", "0: the configuration was wrong at the last SIGHUP."
)
STARTED = Metric(_gauge, "pgp_relay_start_time_seconds", "Time when the relay was started.")
READY = Metric(_gauge, "pgp_relay_ready", "1: /readyz answers 200.")
BUILD = Metric(_gauge, "pgp_relay_build_info", "Always 1, with the running versions as labels.", ("version", "python"))

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
