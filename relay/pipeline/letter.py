"""Step 2 of the incoming way: reads a mail once. Forged fields are not among its fields."""

from __future__ import annotations

from dataclasses import dataclass

from relay.mail import authentication_results, encrypted_message, headers, incoming_shape
from relay.mail.author import author
from relay.mail.encrypted_message import EncryptedMessage
from relay.mail.headers import Field, Head
from relay.mail.incoming_shape import Cleartext, Encrypted, Signed
from relay.model import Address
from relay.model.opened import Reason


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, whoever it is for."""

    head: Head
    """The header of the mail, as received."""
    fields: tuple[Field, ...]
    """The header fields that stay."""
    author: Address | None
    """The single author; None if that is not certain."""
    date: float | None
    """The single Date, in seconds since the epoch."""
    encrypted: bool = False
    """All of it is one encrypted message."""
    signed: bool = False
    """All of it is signed, and not encrypted."""
    closed: Reason | None = None
    """Why it stays closed for everybody."""
    key_ids: frozenset[str] = frozenset()
    """Those that an encrypted one names."""
    hidden: bool = False
    """A session key of it names nobody."""

    @property
    def unchanged(self) -> bool:
        """Whether all its fields stay."""
        return self.fields == self.head.fields


def read(content: bytes, authserv_id: str) -> Letter:
    """What it is; raises nothing."""
    head = headers.split(content)
    fields = authentication_results.genuine(head, authserv_id)
    known = (head, fields, author(head), _date(head))
    match incoming_shape.protection(content):
        case Encrypted(data=data):
            message = encrypted_message.read(data)
            if isinstance(message, EncryptedMessage):
                return Letter(*known, encrypted=True, key_ids=message.key_ids, hidden=message.hidden)
            return Letter(*known, closed=message)
        case Reason() as reason:
            return Letter(*known, closed=reason)
        case Signed() | Cleartext():
            return Letter(*known, signed=True)
        case _:
            return Letter(*known)


def _date(head: Head) -> float | None:
    fields = headers.all(head, "date")
    moment = headers.date_in(fields[0].value) if len(fields) == 1 else None
    return moment.timestamp() if moment else None
