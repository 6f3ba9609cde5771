"""The header block as bytes (RFC 5322 sections 2.2 and 3.6; RFC 2047).

`split` cuts a message into fields that, joined, are the received octets again; the body is never touched.
A line ends with LF, with or without a CR before it. The header block ends at the first empty line or, where it is
malformed, before the first line that is no header field: an mbox `From ` line is none either (Postfix makes
`X-Mailbox-Line:` of it before it comes here). Nothing here raises, whatever the octets are; time grows
linearly with the header, and what is decoded for people or rules is bounded. `excessive` tells a header block that
would cost too much to cut: it is asked before `split`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice

from relay.mail import encoded_words, line_ends
from relay.mail.addresses import MAX_LIST, addresses
from relay.model import Address

NAMING = frozenset({"to", "cc", "resent-to", "resent-cc"})
BLIND = frozenset({"bcc", "resent-bcc"})
MAX_DATE = 100
MAX_FIELDS = 120_000
MAX_OCTETS = 12 * 1024 * 1024
"""Of a header block. Postfix keeps 102,400 octets of it by default; real ones have some dozens of fields."""
MAX_READ = 4 * encoded_words.MAX_TEXT
"""Octets of one field that are decoded for people and rules."""
MAX_WHOLE = encoded_words.MAX_TEXT
"""Octets that are read whole, whatever their encoding."""

_NAME = re.compile(rb"[!-9;-~]+[ \t]*:")
_FIELD_END = re.compile(rb"\n(?![ \t])")
_MESSAGE_ID = re.compile(rb"message-id[ \t]*:", re.IGNORECASE)
_RECEIVED = re.compile(rb"received[ \t]*:", re.IGNORECASE)
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,250}"
_MESSAGE_IDENTIFIER = re.compile(rf"<{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[0-9A-Za-z.:-]{{1,100}}\])>")
_EMPTY_LINE = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field with its line ends and folds, as received."""

    raw: bytes
    name: str = field(init=False)
    """In lower case."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.raw[: self.raw.find(b":")].rstrip(b" \t").lower().decode("ascii"))

    @property
    def value(self) -> str:
        """Unfolded, without the white space around it; octets that are no UTF-8 become U+FFFD."""
        return _unfolded(self._octets).decode("utf-8", "replace").strip(" \t\r\n")

    @property
    def readable(self) -> str:
        """The same for people and rules, a bounded length of it; no UTF-8 is Latin-1, as old devices write it."""
        octets = self._octets
        raw = _unfolded(octets[:MAX_READ])
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(raw, final=len(octets) <= MAX_READ)
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        return text.strip(" \t\r\n")

    @property
    def _octets(self) -> bytes:
        return self.raw[self.raw.find(b":") + 1 :]

    @property
    def line(self) -> bytes:
        """`raw` with a line end also where the message broke off without one."""
        return self.raw if self.raw.endswith(b"\n") else self.raw.rstrip(b"\r") + b"\r\n"


@dataclass(frozen=True, slots=True)
class Head:
    """`fields` joined + `separator` + the octets from `body_start` are what was split."""

    fields: tuple[Field, ...]
    separator: bytes
    """The empty line; no octets where a malformed header block has none."""
    body_start: int


def split(content: bytes, start: int = 0, end: int | None = None) -> Head:
    """The header block at `start`; nothing from `end` on is looked at."""
    end = len(content) if end is None else end
    fields: list[Field] = []
    for until in _ends(content, start, end):
        fields.append(Field(content[start:until]))
        start = until
    empty = _EMPTY_LINE.match(content, start, end)
    return Head(tuple(fields), empty[0] if empty else b"", empty.end() if empty else start)


def all(head: Head, name: str) -> tuple[Field, ...]:  # noqa: A001  read as `headers.all(head, "to")`
    """The fields of that name (lower case), in their order."""
    return tuple(one for one in head.fields if one.name == name)


def first(head: Head, name: str) -> Field | None:
    """The first field of that name (lower case)."""
    return next((one for one in head.fields if one.name == name), None)


def decoded(field: Field) -> str:
    """The value as people read it: encoded words decoded, no more than a bounded length of it."""
    return encoded_words.decode(field.readable)


def read_whole(fields: Iterable[Field]) -> bool:
    """Whether `decoded` reads all of them; fields of more octets together are taken to be longer than that."""
    return sum(len(field.raw) for field in fields) <= MAX_WHOLE


def date_in(value: str) -> datetime | None:
    """The moment that a Date field names (RFC 5322 section 3.3), with its time zone; None for what is no date."""
    try:
        moment = parsedate_to_datetime(value[:MAX_DATE])
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # -0000 is UTC, of no known place


def named_recipients(head: Head) -> frozenset[Address]:
    """Who is named in To, Cc, Resent-To and Resent-Cc; an address that cannot be read is not named."""
    named: set[Address] = set()
    left = MAX_LIST
    for one in head.fields:
        if one.name in NAMING and left > 0:
            value = one.value
            named.update(addresses(value, left))
            left -= len(value)
    return frozenset(named)


def message_id(content: bytes) -> str:
    """The message identifier (RFC 5322 section 3.6.4, without obsolete forms); empty where there is no such one."""
    start = 0
    for end in islice(_ends(content, 0, len(content)), MAX_FIELDS):
        if _MESSAGE_ID.match(content, start, end):
            value = Field(content[start:end]).value.strip(" \t")
            return value if _MESSAGE_IDENTIFIER.fullmatch(value) else ""
        start = end
    return ""


def hops(content: bytes) -> int | None:
    """How many hosts have added their Received line; None where the header block is more than we read.

    Costs no memory, and no more time than the bounds admit.
    """
    found = start = 0
    for count, end in enumerate(_ends(content, 0, MAX_OCTETS + 1), 1):
        if count > MAX_FIELDS or end > MAX_OCTETS:
            return None
        found += _RECEIVED.match(content, start, end) is not None
        start = end
    return found


def excessive(content: bytes) -> bool:
    """Whether its header block is more than we read."""
    return hops(content) is None


def faulty(content: bytes) -> bool:
    """Whether it holds NUL, a bare CR or a bare LF (RFC 5321 section 2.3.8)."""
    return b"\0" in content or not line_ends.are_crlf(content)


def _ends(content: bytes, start: int, end: int) -> Iterator[int]:
    """Where each field ends: at the first line end that no fold follows, or where the octets end.

    Not one expression for all folds, or for all fields: what it could go back to would take memory for each of them.
    """
    while name := _NAME.match(content, start, end):
        last = _FIELD_END.search(content, name.end(), end)
        start = last.end() if last else min(end, len(content))
        yield start


def _unfolded(octets: bytes) -> bytes:
    """The line ends out: within a field, each of them stands before a fold."""
    return octets.replace(b"\r\n", b"").replace(b"\n", b"")
