"""The mails of `postfix check-path`: written, and found again among all others.

A probe is known by the token in its header, which the store has held since before the probe was sent: a mail that only
looks like one is a mail. The ledger holds the token's digest as a transaction, and whom the relay saw it for.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from relay.mail import authentication_results, headers

REGISTERED = "<probe>"
"""In the ledger from the beginning; no address holds a `<`."""
REGISTERED_INBOUND = "<inbound probe>"
"""The same, of a probe of the incoming way."""
FORGED = "<forged>"
"""In the ledger where forged results of authentication survived up to the relay."""

_FIELD = "X-PGP-Relay-Probe"
_FORGER = "forged.pgp-relay.invalid"
_LARGEST = 16_384
"""Octets, with what servers on the way add."""
_TOKEN = re.compile(rb"^%b:[ \t]*([0-9a-f]{32})[ \t]*\r?$" % _FIELD.encode(), re.MULTILINE | re.IGNORECASE)
_TEXT = (
    "This mail was sent by `pgp-relay postfix check-path`, which looks whether mail meets the relay.\r\n"
    "The relay does not deliver it: where it arrives, this way leads past the relay.\r\n"
)


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_hex(16)


def write(token: str, sender: str, recipient: str, forged_id: str = "") -> bytes:
    """The mail; both addresses are ASCII. `forged_id`: with results of authentication that this server never wrote."""
    results = f"dkim=pass header.d={_FORGER}; dmarc=pass header.from={_FORGER}"
    forged = f"Authentication-Results: {forged_id}; {results}\r\n" if forged_id else ""
    odd = f"AUTHENTICATION-RESULTS:\r\n ({_FORGER}) {forged_id.upper()} ; {results}\r\n" if forged_id else ""
    header = (
        f"{forged}{odd}From: <{sender or 'postmaster'}>\r\nTo: <{recipient}>\r\n"
        f"Subject: pgp-relay probe\r\n{_FIELD}: {token}\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
    )
    return f"{header}\r\n{_TEXT}".encode("ascii")


def token_in(content: bytes) -> str | None:
    """The token of what may be a probe."""
    if len(content) > _LARGEST:
        return None
    found = _TOKEN.search(content.partition(b"\r\n\r\n")[0])
    return found[1].decode().lower() if found else None


def is_forged(content: bytes, authserv_id: str) -> bool:
    """Whether forged results of authentication count, or stay, in what came of a probe."""
    head = headers.split(content)
    kept = authentication_results.genuine(head, authserv_id)
    return any(field.name == authentication_results.NAME and _FORGER.encode() in field.raw for field in kept)


def digest(token: str) -> bytes:
    """What the ledger knows it by."""
    return hashlib.sha256(f"{_FIELD}: {token}".encode()).digest()
