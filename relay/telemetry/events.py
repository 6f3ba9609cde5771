"""The log's vocabulary: every line the relay writes is one of these words with named fields.

Fields are ids, addresses, rule names, reasons from our own words, counts and times. No subject, no body, no header
value, no text of another program, no exception's text: of an unforeseen exception only the type and the place in our
code are logged. `relay.telemetry.log_output` writes the lines.
"""

from __future__ import annotations

import traceback
from enum import StrEnum

import structlog

from relay.model import Inbound
from relay.model.errors import RelayError


class Event(StrEnum):
    """What can happen; docs/monitoring.md says what each one means and when it is written."""

    # The relay and its processes
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHADOW = "shadow"
    RELOADED = "reloaded"
    NOT_RELOADED = "not_reloaded"
    WORKER_READY = "worker_ready"
    WORKER_ENDED = "worker_ended"
    STATUS_UNAVAILABLE = "status_unavailable"
    # Connections
    DENIED = "denied"
    CROWDED = "crowded"
    MEMORY_AWAITED = "memory_awaited"
    # A mail
    RECEIVED = "received"
    REJECTED = "rejected"
    PROBED = "probed"
    ALREADY_SERVED = "already_served"
    LOOKED_UP = "looked_up"
    DECIDED = "decided"
    ENCRYPTED = "encrypted"
    OPENED = "opened"
    HANDED_OVER = "handed_over"
    NEXT_HOP_REPLIED = "next_hop_replied"
    NEXT_HOP_FAILED = "next_hop_failed"
    NOTICE_SENT = "notice_sent"
    RETURN_IGNORED = "return_ignored"
    PICKUP_STORED = "pickup_stored"
    PICKUP_OPENED = "pickup_opened"
    PICKUP_ANSWERED = "pickup_answered"
    PICKUP_ANSWERS_LIMITED = "pickup_answers_limited"
    ANSWERED = "answered"
    HANDLED = "handled"
    UNANSWERED = "unanswered"
    # Keys
    SOURCE_ASKED = "source_asked"
    RENEWED = "renewed"
    PROPOSED = "proposed"
    KEYS_COUNTED = "keys_counted"
    ENROLMENT = "enrolment"
    INVITED = "invited"
    HARVESTED = "harvested"
    HELD_RELEASED = "held_released"
    DAILY_REPORT_SENT = "daily_report_sent"
    # The public web service
    PUBLISHED = "published"
    PUBLIC_UNREACHABLE = "public_unreachable"
    PUBLIC_REACHED = "public_reached"
    PUBLIC_EVENT_DROPPED = "public_event_dropped"
    # The console
    LOGIN_REFUSED = "login_refused"
    # Trace and ledger
    TRACE_HEAD = "trace_head"
    UNTRACED = "untraced"
    TURN_LOST = "turn_lost"
    LOCKS_LOST = "locks_lost"
    NODES_COUNTED = "nodes_counted"
    NODES_DIFFER = "nodes_differ"
    SECRETS_GIVEN = "secrets_given"
    SECRETS_TAKEN = "secrets_taken"
    SECRETS_REFUSED = "secrets_refused"
    REMOVAL_UNFINISHED = "removal_unfinished"
    # Other failures
    FAILED = "failed"


Logger = structlog.stdlib.BoundLogger


def log() -> Logger:
    """The logger for what concerns no message."""
    logger: Logger = structlog.get_logger()
    return logger


def of(inbound: Inbound) -> Logger:
    """The logger for one message: its id and the queue id stand in each line."""
    logger: Logger = structlog.get_logger().bind(id=inbound.id, queue_id=inbound.envelope.queue_id)
    return logger


def unforeseen(error: BaseException) -> dict[str, str]:
    """What may be logged of an exception: its type and where it was raised; of one of ours also its sentence."""
    frames = traceback.extract_tb(error.__traceback__)
    told = {
        "error": type(error).__name__,
        "at": " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-6:])),
    }
    return {"reason": str(error), **told} if isinstance(error, RelayError) and str(error) else told
