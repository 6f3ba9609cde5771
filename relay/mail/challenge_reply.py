"""Reads what correspondents write back to our mails about keys: the token of a challenge, or "not me". Raises nothing.

A token is 32 letters of base64 (RFC 4648 section 5) that stand alone, in any text of the mail, quoted or in a link.
"""

from __future__ import annotations

import re
from itertools import islice

from relay.mail import headers, mime
from relay.mail.entities import entities
from relay.mail.headers import Head

MOST_TOKENS = 20
"""The most tokens of one mail."""
MOST_TEXT = 256 * 1024
"""The most octets of one text that are read."""

_TOKEN = r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])"  # noqa: S105  the pattern of one
_TOKENS = re.compile(_TOKEN.encode())
_NOT_ME = re.compile(rf"\bnot me\s+({_TOKEN})", re.IGNORECASE)


def tokens(content: bytes) -> tuple[str, ...]:
    """Everything in the mail that may be the token of a challenge, without repetition, in order."""
    texts = (
        mime.octets(content, part, MOST_TEXT) or b""
        for part, kind in entities(content, mime.root(content))
        if kind is None or kind.kind.startswith("text/")
    )
    found = (one.decode("ascii") for text in texts for one in _TOKENS.findall(text))
    return tuple(islice(dict.fromkeys(found), MOST_TOKENS))


def refusal(head: Head) -> str:
    """The token of the invitation that the subject refuses; empty where it refuses none."""
    subject = headers.first(head, "subject")
    found = _NOT_ME.search(headers.decoded(subject)) if subject else None
    return found[1] if found else ""
