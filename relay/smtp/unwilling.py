"""Why the next hop cannot be used, and what to do about it; without text that the next hop sent."""

from __future__ import annotations

import os
import socket
import ssl
from enum import IntEnum

from aiosmtplib.response import SMTPResponse

from relay.model.errors import Unwilling


class _X509(IntEnum):
    """OpenSSL's X509_V_ERR_…, which Python does not name."""

    CERT_HAS_EXPIRED = 10
    HOSTNAME_MISMATCH = 62
    IP_ADDRESS_MISMATCH = 64


def demand(given: SMTPResponse, step: str) -> None:
    """Raise `Unwilling` unless this reply accepts the step."""
    if not 200 <= given.code < 300:
        raise Unwilling(f"it refuses {step} ({given.code}): its own log says why")


def why(error: Exception) -> str:
    """The cause of a connection that failed."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return "its name cannot be resolved"
        case ssl.SSLError():
            return f"TLS says {error.reason}" if error.reason else "TLS fails"
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return type(error).__name__


def untrusted(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with the certificate of the next hop."""
    match error.verify_code:
        case _X509.HOSTNAME_MISMATCH | _X509.IP_ADDRESS_MISMATCH:
            return "its certificate is for another name: write its name in reinject"
        case _X509.CERT_HAS_EXPIRED:
            return "its certificate has expired: renew it there"
        case _:
            return "no authority trusted here vouches for its certificate: set reinject_ca_file"
