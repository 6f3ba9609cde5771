"""The envelope of an opened mail on its way to the mailbox: a bounce carries none of its text (RFC 3461).

The next hop is asked to return the header alone (`RET=HDRS`), and BODY=8BITMIME is set where the opened mail has 8-bit
text (RFC 6152), since the received mail was armor. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from relay.model import Envelope, Inbound, Recipient


class OpenedEnvelopes(Protocol):
    """Makes the envelope with which an opened mail goes on."""

    async def of(self, inbound: Inbound, recipients: tuple[Recipient, ...], content: bytes) -> Envelope:
        """For `content`, which was opened for these recipients. Raises `StoreError`."""


class HeadersReturned:
    """`OpenedEnvelopes` that keep the sender."""

    async def of(self, inbound: Inbound, recipients: tuple[Recipient, ...], content: bytes) -> Envelope:
        """As the module says."""
        return headers_returned(inbound.envelope.only(recipients), content)


def headers_returned(envelope: Envelope, content: bytes) -> Envelope:
    """The envelope of an opened mail, its reverse-path as it was."""
    kept = [option for option in envelope.options if not option.upper().startswith(("RET=", "BODY="))]
    body = [option for option in envelope.options if option.upper().startswith("BODY=")]
    body = body if content.isascii() else ["BODY=8BITMIME"]
    returned = [] if envelope.sender is None else ["RET=HDRS"]
    return replace(envelope, options=(*kept, *returned, *body))
