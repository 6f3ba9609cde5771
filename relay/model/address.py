"""A mail address that normalises itself (RFC 5321 section 4.1.2, RFC 6531, RFC 5891).

Two addresses are equal when they reach the same mailbox as far as this relay is concerned: domains are compared as
lower-case A-labels, local parts without case (upper and lower, no more than that) in Unicode's normal form C,
unnecessary quotes are dropped. `text` keeps what was received, to the letter: it alone goes to the next hop.

Raises `AddressError` for what is no address at all; everything else is accepted as it came, because an
address we find odd may be an address another host accepts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from relay.model.domain import normalise_domain, round_trips
from relay.model.errors import AddressError

MAX_OCTETS = 320  # RFC 3696 errata 1690 speaks of 254; RFC 5321's own limits add up to 64 + 1 + 255

_ROUTES = frozenset("%!@")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>]")
_SPECIAL = re.compile(r'["\\]')
_ENCLOSED = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\[\]\\ ]*\]')
"""A quoted local part, an address literal as domain."""
_DROPPED = re.compile(r'[ ()\[\],;:"\\]')
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Address:
    """`Address("Bob@Example.ORG")`; compared by `key` alone."""

    text: str = field(compare=False)
    """As it came, without the angle brackets."""
    local: str = field(init=False, compare=False)
    """The local part, unquoted, in the case it came in."""
    domain: str = field(init=False, compare=False)
    """Lower case, A-labels; empty for a bare local part such as `postmaster`."""
    key: str = field(init=False)
    """What is compared and stored: `local@domain` without case."""

    def __post_init__(self) -> None:
        if not self.text or len(self.text.encode("utf-8", "surrogateescape")) > MAX_OCTETS:
            raise AddressError("an address has 1 to 320 octets")
        if _FORBIDDEN.search(self.text):
            raise AddressError("an address has no control characters or angle brackets")
        mailbox = self.text.split(":", 1)[1] if self.text.startswith("@") and ":" in self.text else self.text
        local, at, domain = mailbox.rpartition("@")
        local = _unquote(local if at else domain)
        if not local or (at and not domain):
            raise AddressError("an address has a local part and a domain")
        normal = normalise_domain(domain) if at else ""
        folded = unicodedata.normalize("NFC", local).lower()  # casefold makes ß ss: another mailbox
        object.__setattr__(self, "local", local)
        object.__setattr__(self, "domain", normal)
        object.__setattr__(self, "key", f"{folded}@{normal}" if at else folded)

    def __str__(self) -> str:
        return self.text

    @property
    def untagged(self) -> Address | None:
        """The address without its `+tag` (RFC 5233), or None where it has none."""
        base, plus, _tag = self.local.partition("+")
        if not (plus and base and self.domain):
            return None
        try:
            return Address(f"{_quote(base)}@{self.domain}")
        except AddressError:  # quoted, it is too long
            return None

    @property
    def ambiguous(self) -> bool:
        """Whether a host may take it for another mailbox than we do.

        - It asks the host of its domain to send it on: a source route, `user%host@domain`, `host!user@domain`.
        - It has characters that RFC 5321 allows only in quotes: Postfix drops a comment, a blank, a backslash, a comma
          at the end.
        - Its domain is a different name for a program that converts it to A-labels in another way.
        """
        routed = self.text.startswith("@") or not _ROUTES.isdisjoint(self.local)
        local, at, domain = self.text.rpartition("@")
        written = [part for part in (local or domain, domain if at else "") if not _ENCLOSED.fullmatch(part)]
        return routed or any(map(_DROPPED.search, written)) or not (self.nameless or round_trips(domain))

    @property
    def nameless(self) -> bool:
        """Whether it has no domain name: a bare local part, or an address literal (RFC 5321 section 4.1.3)."""
        return not self.domain or self.domain.startswith("[")

    @property
    def is_ascii(self) -> bool:
        """Whether it can be sent without SMTPUTF8."""
        return self.text.isascii()


def _quote(local: str) -> str:
    return '"' + _SPECIAL.sub(r"\\\g<0>", local) + '"' if _SPECIAL.search(local) or " " in local else local


def _unquote(local: str) -> str:
    if len(local) >= 2 and local[0] == local[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", local[1:-1])
    if " " in local:
        raise AddressError("a space in a local part is quoted")
    return local
