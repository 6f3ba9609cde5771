"""Why a fetch failed: the fixed words of an outage, and the exceptions that carry them inside this package.

None of them ever holds what a server, a resolver or a library said. They are `OSError`s because that is
what aiohttp hands on from a resolver as it came.
"""

from __future__ import annotations

from enum import StrEnum

from relay.model.errors import RelayError

NAME = "wkd"
"""The source's, as in the configuration."""


class Reason(StrEnum):
    """Everything that is neither "no such key" nor an answer. The values are what people read."""

    NAME = "the domain's name cannot be resolved now"
    ADDRESS = "the domain's name leads to an address that is not public"
    CONNECTION = "the server cannot be reached"
    BROKEN = "the connection broke off"
    TIMEOUT = "the server did not answer in time"
    TLS = "the server's TLS does not work"
    TLS_CERTIFICATE = "the server's TLS certificate is not valid"
    PROTOCOL = "the server does not speak proper HTTP"
    REDIRECT = "the server redirects to where we do not follow"
    SERVER = "the server reports a fault of its own"
    STATUS = "the server refuses to answer"
    MALFORMED = "the server calls the request malformed"
    UNPROVED = "the server has not proved to be a keyserver"
    ENCODING = "the server answers in a content encoding we did not ask for"
    SIZE = "the answer is too large"
    NO_CERTIFICATE = "the answer is not an OpenPGP certificate"
    TOO_MANY = "the answer has too many certificates, signatures or subkeys"
    EXAMINER = "the certificates cannot be examined now"
    FETCHER = "no domain can be asked now"


class Failed(RelayError, OSError):
    """The fetch failed for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class NoSuchName(OSError):
    """The name does not exist, or has no address. Said by the name service, not by its silence."""


class NotListening(OSError):
    """The host refuses the connection."""
