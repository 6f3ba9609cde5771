"""Content-Type and Content-Disposition on the received octets (RFC 2045 section 5.1, RFC 2183).

Reads strictly: a Content-Type that is repeated, or that two readers could take differently, is unreadable
(`None`); callers treat that as the riskier case. What is read is bounded. Raises nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from relay.mail import headers
from relay.mail.headers import Field, Head

MAX_OCTETS = 16_384
"""Octets of a Content-Type or Content-Disposition field; no more of it is read."""

_COMMENT = rb"\([^()\\]*\)"
_SPACE = rb"[ \t\r\n]*(?:%b[ \t\r\n]*)*" % _COMMENT
_TOKEN = rb"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+"
_QUOTED = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_BARE = rb'(?!%b)[^ \t\r\n;"]+' % _COMMENT  # a comment that may be space is no value
_TYPE = re.compile(rb"[^:]*:%b(%b)/(%b)%b" % (_SPACE, _TOKEN, _TOKEN, _SPACE))
_DISPOSITION = re.compile(rb"[^:]*:%b(?:inline|attachment)%b" % (_SPACE, _SPACE), re.IGNORECASE)
_PARAMETER = re.compile(rb";%b(%b)%b=%b(%b|%b)%b" % (_SPACE, _TOKEN, _SPACE, _SPACE, _QUOTED, _BARE, _SPACE), re.DOTALL)
_NO_MORE = re.compile(rb"[; \t\r\n]*\Z")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


class Parameter(NamedTuple):
    """A parameter (name in lower case, value unquoted) and where it stands in the raw field, its `;` included."""

    name: str
    value: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ContentType:
    """A Content-Type that has one reading."""

    kind: str
    """`text/plain`, in lower case."""
    parameters: tuple[Parameter, ...] = ()

    def get(self, name: str) -> bytes:
        """The parameter's value, or nothing."""
        return next((one.value for one in self.parameters if one.name == name), b"")

    @property
    def multipart(self) -> bool:
        """Whether the type is multipart, so that the entity has parts (RFC 2046 section 5.1)."""
        return self.kind.startswith("multipart/")


def of(head: Head) -> ContentType | None:
    """What the entity is; text/plain where nothing is said (RFC 2045 section 5.2)."""
    fields = headers.all(head, "content-type")
    if not fields:
        return ContentType("text/plain")
    return parse(fields[0]) if len(fields) == 1 else None


def parse(field: Field) -> ContentType | None:
    """Parse a Content-Type field (RFC 2045 section 5.1); None where it cannot be read or is too long."""
    raw = field.raw
    match = _TYPE.match(raw) if len(raw) <= MAX_OCTETS else None
    parameters = _parameters(raw, match.end()) if match else None
    return ContentType(_kind(match), parameters) if match and parameters is not None else None


def disposition(field: Field) -> tuple[Parameter, ...] | None:
    """The parameters of a Content-Disposition field (RFC 2183) that says inline or attachment, and can be read."""
    match = _DISPOSITION.match(field.raw) if len(field.raw) <= MAX_OCTETS else None
    return _parameters(field.raw, match.end()) if match else None


def _parameters(raw: bytes, at: int) -> tuple[Parameter, ...] | None:
    """What follows in the field, where each has another name and nothing else follows."""
    found: list[Parameter] = []
    while match := _PARAMETER.match(raw, at):
        found.append(Parameter(match[1].decode("ascii").lower(), _unquoted(match[2]), at, match.end()))
        at = match.end()
    distinct = len({one.name for one in found}) == len(found)
    return tuple(found) if distinct and _NO_MORE.match(raw, at) else None


def claimed(head: Head) -> str:
    """What the first Content-Type claims, in lower case, also where its parameters cannot be read; or nothing."""
    fields = headers.all(head, "content-type")
    match = _TYPE.match(fields[0].raw[:MAX_OCTETS]) if fields else None
    return _kind(match) if match else ""


def _kind(match: re.Match[bytes]) -> str:
    return b"/".join(match.groups()).decode("ascii").lower()


def _unquoted(value: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value
