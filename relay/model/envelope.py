"""The envelope and the message it carries (RFC 5321 section 2.3.1).

Everything here is kept as it came: the next hop gets these very octets (RFC 3461 for NOTIFY, ORCPT, RET
and ENVID; RFC 6152 for BODY; RFC 6531 for SMTPUTF8; Postfix's XFORWARD). Only SIZE is left out, because
it is computed anew for what is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from relay.model.address import Address

_BASE_51 = "0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y"
_QUEUE_ID = re.compile(rf"[0-9A-F]{{3,22}}|[{_BASE_51}z]{{10,14}}z[{_BASE_51}]{{1,14}}")
"""Postfix's short form, in hexadecimal, and its long one (enable_long_queue_ids of postconf(5))."""

NULL_SENDER = "<>"
"""The null reverse-path as people write it (RFC 5321 section 4.5.5)."""
LOOPBACK = "127.0.0.1"
UNIX = "unix"
"""The peer's name where it came over a Unix socket."""
_UNAVAILABLE = "[UNAVAILABLE]"
"""As Postfix's XFORWARD_README has it."""


def is_queue_id(text: str) -> bool:
    """Whether it has a form of Postfix's queue ids."""
    return _QUEUE_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT TO and its parameters, in their order and case (`NOTIFY=NEVER`, `ORCPT=rfc822;Bob@X`)."""

    address: Address
    options: tuple[str, ...] = ()

    @property
    def notify_never(self) -> bool:
        """Whether the sender asked for no notice about this recipient (RFC 3461 section 4.1)."""
        return any(option.upper() == "NOTIFY=NEVER" for option in self.options)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Reverse-path, recipients and parameters of one transaction."""

    sender: Address | None
    """None is the null reverse-path, `MAIL FROM:<>`."""
    recipients: tuple[Recipient, ...]
    options: tuple[str, ...] = ()
    """Parameters of MAIL FROM as they came (RET, ENVID, BODY, SMTPUTF8 …), SIZE left out."""
    xforward: tuple[tuple[str, str], ...] = ()
    """XFORWARD attributes as they came, still in xtext: `(("NAME", "client.example"), ("IDENT", "4F…"))`."""

    @classmethod
    def of_notice(cls, to: Address, xforward: tuple[tuple[str, str], ...] = ()) -> Envelope:
        """For a mail of ours: from the null reverse-path, and no notice follows it (RFC 3461 section 4.1)."""
        options = () if to.is_ascii else ("SMTPUTF8", "BODY=8BITMIME")
        return cls(None, (Recipient(to, ("NOTIFY=NEVER",)),), options, xforward)

    def only(self, recipients: tuple[Recipient, ...]) -> Envelope:
        """The same envelope for some of its recipients."""
        return replace(self, recipients=recipients)

    @property
    def client(self) -> str | None:
        """The address of the client that gave the mail to Postfix (XFORWARD ADDR); None: Postfix sent none.

        Empty where Postfix does not know it. What a program of Postfix's own machine handed over is from 127.0.0.1.
        """
        given = {name.upper(): value for name, value in self.xforward}
        address = given.get("ADDR")
        if address == _UNAVAILABLE:
            return LOOPBACK if given.get("SOURCE", "").upper() == "LOCAL" else ""
        return address if address is None else re.sub(r"^ipv6:", "", address, flags=re.IGNORECASE)

    @property
    def queue_id(self) -> str:
        """Postfix's queue id (XFORWARD IDENT); empty where there is none, or where it has another form."""
        given = next((value for name, value in self.xforward if name.upper() == "IDENT"), "")
        return given if is_queue_id(given) else ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as the inlet received it."""

    id: str
    """Ours, for logs, replies and the trace; letters and digits."""
    envelope: Envelope
    content: bytes
    """The octets after DATA, dots unstuffed, without the final dot: never changed."""
    received: datetime
    """When, with its time zone."""
    peer: str
    """The client's address as text, for the Received line."""
    helo: str
    """What the client called itself."""
    protocol: str
    """LMTP, ESMTP, ESMTPS … as registered for `with` in Received (RFC 3848)."""
    single_answer: bool
    """True where one reply answers for all recipients (SMTP); LMTP gives each its own."""

    @property
    def client(self) -> str:
        """The address of the machine that sent it, as far as we were told; ours where that is a Unix socket."""
        told = self.envelope.client
        if told is None:
            return LOOPBACK if self.peer == UNIX else self.peer
        return told
