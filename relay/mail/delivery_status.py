"""The machine-readable part of a notice: a delivery status (RFC 3464; RFC 6533 where an address is no ASCII).

Promises that each field is one line, whatever stands in an address or in a parameter of the envelope: what cannot be
told without doubt is left out. Nothing in it is another program's text; the diagnostic code is one of our own reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from relay.model import Address, Envelope, Inbound, Recipient, Why

MOST_XTEXT = 500
"""Characters of ORCPT or ENVID (RFC 3461 allows 500 and 100)."""

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_TYPE = re.compile(r"[A-Za-z0-9-]{1,40}")
_UNPRINTABLE = re.compile(r"[^ -~]")
_REASONS = frozenset(why.value for why in Why)


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient a notice speaks of; `status` as in RFC 3463."""

    recipient: Recipient
    reason: str
    status: str
    asked: bool = False
    """This person was asked by mail to give us a key."""


def delivery_status(
    inbound: Inbound, told: Sequence[Told], *, hostname: str, until: datetime | None, unicode: bool
) -> str:
    """The fields of the message, then a group for each recipient; `until`: it waits so long."""
    groups = [_message_fields(inbound, hostname), *(_fields(one, until, unicode=unicode) for one in told)]
    return "\r\n".join("".join(f"{name}: {value}\r\n" for name, value in group) for group in groups)


def _message_fields(inbound: Inbound, hostname: str) -> Iterator[tuple[str, str]]:
    """The fields about the message (RFC 3464 section 2.2)."""
    if envelope_id := _parameter(inbound.envelope, "ENVID"):
        yield "Original-Envelope-Id", envelope_id
    yield "Reporting-MTA", f"dns; {hostname}"
    yield "Arrival-Date", format_datetime(inbound.received)
    yield "X-PGP-Relay-ID", inbound.id


def _fields(one: Told, until: datetime | None, *, unicode: bool) -> Iterator[tuple[str, str]]:
    """The fields about one recipient (RFC 3464 section 2.3)."""
    if original := _original(one.recipient):
        yield "Original-Recipient", original
    yield "Final-Recipient", _typed(one.recipient.address, unicode=unicode)
    yield "Action", "delayed" if until else "failed"
    yield "Status", one.status
    if one.reason in _REASONS:
        yield "Diagnostic-Code", f"X-PGP-Relay; {one.reason}"
    if until:
        yield "Will-Retry-Until", format_datetime(until)


def _typed(address: Address, *, unicode: bool) -> str:
    """RFC 6533 section 3: `utf-8`, with the other octets escaped where all have to be ASCII."""
    if address.is_ascii:
        return f"rfc822; {address}"
    return f"utf-8; {address if unicode and address.text.isprintable() else _escaped(address.text)}"


def _escaped(text: str) -> str:
    return "".join(c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):02X}}}" for c in text)


def _original(recipient: Recipient) -> str:
    """ORCPT decoded (RFC 3464 section 2.3.1); its Unicode form stays as it came."""
    value = next((o[6:] for o in recipient.options if o.upper().startswith("ORCPT=")), "")
    kind, semicolon, text = value.partition(";")
    if not semicolon or not _TYPE.fullmatch(kind):
        return ""
    address = _printable(text) if kind.lower() == "utf-8" else _decoded(text)
    return f"{kind}; {address}" if address else ""


def _parameter(envelope: Envelope, name: str) -> str:
    return _decoded(next((o[len(name) + 1 :] for o in envelope.options if o.upper().startswith(f"{name}=")), ""))


def _decoded(xtext: str) -> str:
    """RFC 3461 section 4; empty for what is no xtext, or would be more than one line of ASCII."""
    if not _XTEXT.fullmatch(xtext):
        return ""
    return _printable(_HEX.sub(lambda found: chr(int(found[1], 16)), xtext))


def _printable(text: str) -> str:
    return "" if len(text) > MOST_XTEXT or _UNPRINTABLE.search(text) else text
