"""Every SMTP reply the relay gives: the one place with codes (RFC 5321, RFC 3463).

A text says what the client may know, and the id under which the log has more. It has no content, no text of an
exception or of another program. Replies to commands before the end of DATA have no id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from relay.model import Reply

About = Literal["sender", "recipient", "message"]

_ENHANCED = re.compile(r"[245](?:\.(?:0|[1-9][0-9]{0,2})){2}(?!\S)")

OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
CANNOT_VERIFY = Reply(252, "2.5.0", "Not verified here")
GO_TLS = Reply(220, "2.0.0", "Ready to start TLS")

CLOSING = Reply(421, "4.3.2", "Closing: the relay stops")
TIMEOUT = Reply(421, "4.4.2", "Timeout")
CROWDED = Reply(421, "4.7.0", "Too many connections")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message")
NO_ROOM = Reply(452, "4.3.1", "Too much in hand, try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")

LINE_TOO_LONG = Reply(500, "5.5.2", "Command line too long")
BAD_SYNTAX = Reply(500, "5.5.2", "Bad syntax")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "Unknown command")
TOO_MANY_UNKNOWN = Reply(502, "5.5.1", "Too many unknown commands")
NOT_HERE = Reply(500, "5.5.1", "Not in this protocol")
BAD_ARGUMENT = Reply(501, "5.5.4", "Bad argument")
BAD_SENDER = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply(501, "5.1.3", "Bad recipient address syntax")
HELLO_FIRST = Reply(503, "5.5.1", "EHLO or HELO comes first")
NESTED_MAIL = Reply(503, "5.5.1", "A transaction is in progress")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL comes first")
RECIPIENT_FIRST = Reply(503, "5.5.1", "RCPT comes first")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is in use")
TLS_FIRST = Reply(530, "5.7.0", "STARTTLS comes first")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "SMTPUTF8 is needed for this address")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Unknown parameter")

NO_SMTPUTF8 = Reply(553, "5.6.7", "The next hop does not take SMTPUTF8")
BROKE_OFF = Reply(451, "4.4.1", "The next hop broke off")


def delivered(id_: str) -> Reply:
    """The next hop took the mail, or the notice about it."""
    return Reply(250, "2.0.0", f"Ok, id {id_}")


def source_down(id_: str) -> Reply:
    """A source of keys is down or slow: an outage is never "no key"."""
    return Reply(451, "4.4.3", f"A key cannot be looked up now, id {id_}")


def failed(id_: str) -> Reply:
    """Encryption failed, the store cannot be used, or anything unforeseen."""
    return Reply(451, "4.3.0", f"Temporary failure, id {id_}")


def next_hop_down(id_: str) -> Reply:
    """The next hop cannot be reached or breaks the protocol."""
    return Reply(451, "4.4.1", f"The next hop is not available, id {id_}")


def refused(id_: str) -> Reply:
    """The policy refuses the mail for this recipient."""
    return Reply(550, "5.7.1", f"Not sent: policy demands encryption and no usable key is known, id {id_}")


def held(id_: str) -> Reply:
    """Held until a key arrives."""
    return Reply(450, "4.7.1", f"Waiting for the recipient's key, id {id_}")


def notice_refused(id_: str) -> Reply:
    """The next hop does not take the notice: the mail stays with the client."""
    return Reply(451, "4.4.1", f"The notice to the sender cannot be delivered, id {id_}")


def code_not_handed_over(id_: str) -> Reply:
    """The code of a pick-up could not be handed over: nobody may open it yet."""
    return Reply(451, "4.4.1", f"The code cannot be handed over now, id {id_}")


def undecided(id_: str) -> Reply:
    """The one SMTP answer for several recipients of whom one has to wait."""
    return Reply(451, "4.3.0", f"Not finished for every recipient, id {id_}")


def loop(id_: str) -> Reply:
    """Too many Received lines (RFC 5321 section 6.3)."""
    return Reply(554, "5.4.6", f"Too many hops, id {id_}")


def malformed(id_: str) -> Reply:
    """Bare CR or LF, or NUL, in the content (RFC 5321 section 2.3.8)."""
    return Reply(554, "5.6.0", f"Bare CR, bare LF or NUL in the message, id {id_}")


def header_too_large(id_: str) -> Reply:
    """More header fields, or more octets of them, than we read (RFC 3463 X.3.4)."""
    return Reply(552, "5.3.4", f"The header of the message is too large, id {id_}")


def too_many_copies(id_: str) -> Reply:
    """There is no room for one more copy of this mail; on the next attempt it is this recipient's turn."""
    return Reply(452, "4.5.3", f"Too many copies at once, try again, id {id_}")


def from_next_hop(code: int, text: str, about: About) -> Reply:
    """The next hop's code and enhanced status to this part of the transaction, with words of ours.

    A missing enhanced status, or one of another class, becomes the class's general one (RFC 2034, RFC 3463 x.0.0).
    """
    klass = str(code)[0]
    status = _ENHANCED.match(text)
    enhanced = status[0] if status and status[0][0] == klass else f"{klass}.0.0"
    return Reply(code, enhanced, f"The next hop {'took' if code < 300 else 'refused'} the {about}")


def too_large(limit: int) -> Reply:
    """Over `max_message_size` (RFC 1870)."""
    return Reply(552, "5.3.4", f"Message larger than {limit} octets")


def not_allowed() -> Reply:
    """The client is not in `allow`."""
    return Reply(554, "5.7.1", "Access denied")


def combined(replies: Sequence[Reply], id_: str) -> Reply:
    """The one SMTP answer for several recipients: anything temporary makes it temporary for all."""
    if len(set(replies)) == 1:
        return replies[0]
    if any(reply.temporary for reply in replies):
        return undecided(id_)
    return next((reply for reply in replies if reply.permanent), replies[0])
