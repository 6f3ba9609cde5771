"""The part of a search for certificates that SQL can do: it finds all that match, and perhaps others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from relay.store.schema import addresses, certificates
from relay.store.statements import has, whole

_PLAIN = re.compile(r"[ !#-\[\]-~]+")
"""Characters that JSON does not escape (`relay.store.verdict`)."""

_LONGEST = 1000
"""Characters of a text that SQL looks for: SQLite takes no pattern of more than 50,000."""

_DIGITS = re.compile(r"[0-9A-Fa-f]+")
_COLUMNS = certificates.c


@dataclass(frozen=True, slots=True)
class Sought:
    """The conditions of a search. All that are set must hold."""

    text: str = ""
    """A text in an address, a user id or the fingerprint, in any case."""
    domain: str = ""
    origin: str = ""
    proposed: bool = False
    until: float | None = None
    """The certificate expires then or before, in seconds since the epoch."""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The conditions that are set, as SQL; all of them must hold."""
        if self.text:
            yield _has(self.text)
        if self.domain:
            yield _is_at(f"@{self.domain}")
        if self.origin:
            yield _COLUMNS.origin == self.origin
        if self.proposed:
            yield _COLUMNS.proposed
        if self.until is not None:
            yield _COLUMNS.expires <= whole(self.until)


EVERYTHING = Sought()


def _has(text: str) -> ColumnElement[bool]:
    """Whether the stored text of a certificate has the longest plain part of `text`, or the digits of a fingerprint."""
    text = text[:_LONGEST]
    part, digits = max(_PLAIN.findall(text), key=len, default=""), text.replace(" ", "")
    wanted = {part, digits} if _DIGITS.fullmatch(digits) else {part}
    return or_(*(has(_COLUMNS.verdict, each) for each in sorted(wanted)))


def _is_at(end: str) -> ColumnElement[bool]:
    """Whether one of the certificate's addresses ends with this domain."""
    begin = func.length(addresses.c.address) - len(end.encode("utf-8", "surrogatepass")) + 1
    there = func.substr(addresses.c.address, begin, type_=addresses.c.address.type) == end
    return _COLUMNS.fingerprint.in_(select(addresses.c.fingerprint).where(there))
