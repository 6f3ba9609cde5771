"""Why a directory cannot answer: the fixed texts of an `Outage`, without any text of another program."""

from __future__ import annotations

from enum import StrEnum

from relay.model.errors import RelayError


class Reason(StrEnum):
    """The names are what the worker says, the values what people read."""

    UNREACHABLE = "the directory cannot be reached"
    TIMEOUT = "the directory does not answer in time"
    TLS = "the directory's TLS fails: certificate, name or protocol"
    CREDENTIALS = "the directory refuses the login"
    REFUSED = "the directory refuses the search"
    BASE = "the search base is missing, hidden or held elsewhere"
    SCHEMA = "the directory has no pgpServerInfo: base, filter and attribute must be configured"
    REFERRAL = "the directory refers to another, which is not followed"
    SUBORDINATE = (
        "a part below the search base is held by another directory, which is not asked: mail to everybody who is "
        "unknown here waits; choose a base without it"
    )
    HIDDEN = "the directory shows an entry for this address, and not the key that belongs to it"
    CHILDREN = "the directory hides what is below the search base"
    PROBE = "the key of the known address (probe) is not found: base, filter or attribute is wrong, or it is hidden"
    FILTER = "the directory or its client does not understand the filter"
    TOO_MUCH = "the directory's answer is too large"
    BROKEN = "the connection to the directory broke off"
    PROTOCOL = "the directory's answer is not understood"
    WORKER = "the process that asks directories cannot be started"
    EXAMINER = "the key found cannot be examined now"


class Unavailable(RelayError):
    """A directory gave no answer; never leaves this package."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason
