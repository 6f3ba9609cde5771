"""One mail transaction of the inlet: XFORWARD, MAIL and RCPT in their order (RFC 5321 section 4.1.4).

Keeps the arguments as they came, and checks the order of commands. XFORWARD attributes are kept until the end
of the next transaction and belong before MAIL (Postfix's XFORWARD_README). Raises `Refusal`.
"""

from __future__ import annotations

from relay.model import Address, Envelope, Recipient, Reply, replies
from relay.smtp.bounds import Bounds
from relay.smtp.esmtp import Refusal, read_mail, read_recipient, read_xforward


class Transaction:
    """The client's commands since its last message, RSET or EHLO."""

    def __init__(self, bounds: Bounds, *, extended: bool) -> None:
        self._bounds = bounds
        self._extended = extended
        self._sender: Address | None = None
        self._options: tuple[str, ...] = ()
        self._xforward: dict[str, tuple[str, str]] = {}
        self._recipients: list[Recipient] = []
        self.open = False
        """Whether MAIL was accepted."""
        self.size = 0
        """What MAIL declared."""
        self.smtputf8 = False

    def xforward(self, argument: str) -> Reply:
        """Add attributes; the last value of one counts."""
        if self.open:
            raise Refusal(replies.NESTED_MAIL)
        for name, value in read_xforward(argument):
            self._xforward[name.upper()] = (name, value)
        return replies.OK

    def mail(self, argument: str) -> Reply:
        """Set the reverse-path from the argument of MAIL. Raises `Refusal`."""
        if self.open:
            raise Refusal(replies.NESTED_MAIL)
        mail = read_mail(argument, limit=self._bounds.max_message_size)
        self._demand_extended(parameters=bool(mail.options or mail.size))
        self._sender, self._options = mail.sender, mail.options
        self.size, self.smtputf8 = mail.size, mail.smtputf8
        self.open = True
        return replies.SENDER_OK

    def recipient(self, argument: str) -> Reply:
        """Add a recipient; one that is named twice counts twice."""
        if not self.open:
            raise Refusal(replies.MAIL_FIRST)
        if len(self._recipients) >= self._bounds.recipients:
            raise Refusal(replies.TOO_MANY_RECIPIENTS)
        recipient = read_recipient(argument, smtputf8=self.smtputf8)
        self._demand_extended(parameters=bool(recipient.options))
        self._recipients.append(recipient)
        return replies.RECIPIENT_OK

    def envelope(self) -> Envelope:
        """The envelope for DATA."""
        if not self._recipients:
            raise Refusal(replies.RECIPIENT_FIRST if self.open else replies.MAIL_FIRST)
        return Envelope(self._sender, tuple(self._recipients), self._options, tuple(self._xforward.values()))

    def _demand_extended(self, *, parameters: bool) -> None:
        if parameters and not self._extended:
            raise Refusal(replies.UNKNOWN_PARAMETER)
