"""The replies that belong to the SMTP dialogue alone (RFC 5321 section 4.2, RFC 3463, RFC 2034).

What becomes of a message is told by `relay.replies`; here is what a command gets that never became one.
aiosmtpd's own replies have no enhanced code: `enhanced` gives them one.
"""

from __future__ import annotations

import re

from relay.model import Reply

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

NOT_HERE = Reply(500, "5.5.1", "Not in this protocol")
BAD_ARGUMENT = Reply(501, "5.5.4", "Bad argument")
BAD_SENDER = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply(501, "5.1.3", "Bad recipient address syntax")
HELLO_FIRST = Reply(503, "5.5.1", "Say hello first")
NESTED_MAIL = Reply(503, "5.5.1", "A transaction is in progress")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL comes first")
RECIPIENT_FIRST = Reply(503, "5.5.1", "RCPT comes first")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is in use")
TLS_FIRST = Reply(530, "5.7.0", "STARTTLS comes first")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "SMTPUTF8 is needed for this address")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Unknown parameter")

NO_SMTPUTF8 = Reply(553, "5.6.7", "The next hop does not take SMTPUTF8")
BROKE_OFF = Reply(451, "4.4.1", "The next hop broke off")

_STATUS = {"221": "2.0.0", "250": "2.0.0", "500": "5.5.2", "501": "5.5.4", "502": "5.5.1", "503": "5.5.1"}
_PLAIN = re.compile(r"(?P<code>\d{3}) (?![245]\.\d{1,3}\.\d{1,3} )(?P<text>.*)", re.DOTALL)


def enhanced(reply: str) -> str:
    """A reply of aiosmtpd's with an enhanced code, and nothing unprintable that the client sent."""
    match = _PLAIN.fullmatch(reply)
    if match is None or match["code"] not in _STATUS:
        return reply
    text = "".join(c if " " <= c <= "~" else "?" for c in match["text"])
    return f"{match['code']} {_STATUS[match['code']]} {text}"
