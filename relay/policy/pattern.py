"""The patterns of a rule. They are checked when they are made, and match without regular expressions.

Addresses are compared as `Address` normalises them: domains as lower-case A-labels (RFC 5891), local parts
without case; texts as `relay.policy.text` folds them. Raises `AddressError` with a sentence for the person who wrote
the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from relay.model import Address, normalise_domain
from relay.model.envelope import NULL_SENDER
from relay.model.errors import AddressError
from relay.policy.text import Text, fold

_ANY = "*"
_DOMAIN = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-z.:]+\]")


def glob(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern`, in which each `*` stands for any characters or none."""
    first, *rest = pattern.split(_ANY)
    if not rest:
        return text == pattern
    *middle, last = rest
    start, end = len(first), len(text) - len(last)
    if start > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in middle:
        found = text.find(piece, start, end)
        if found < 0:
            return False
        start = found + len(piece)
    return True


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """`bob@hopital.example`, `*@hopital.example`, `radio-*@hopital.example`, `*@*.example`, `*` or `<>`.

    A `*` before the @ stands for any characters. After it, it stands for whole labels in front of a name, so
    that `*@*hopital.example`, which is also evilhopital.example, cannot be written.
    """

    text: str = field(compare=False)
    local: str = field(init=False)
    """As compared, with its asterisks; empty for the null sender."""
    domain: str = field(init=False)
    """As compared: a name, or empty for every domain."""
    below: bool = field(init=False)
    """It is the names below `domain` that match, and not that name itself."""

    def __post_init__(self) -> None:
        local, domain, below = _split(self.text)
        object.__setattr__(self, "local", local)
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "below", below)

    def __str__(self) -> str:
        return self.text

    @property
    def everyone(self) -> bool:
        """It matches every address (the null sender is none)."""
        return self.local == _ANY and not self.domain

    @property
    def null(self) -> bool:
        """It is the null sender."""
        return not self.local

    def matches(self, address: Address | None) -> bool:
        """Whether this is such an address; None is the null sender."""
        if address is None or self.null:
            return address is None and self.null
        return self._covers(address.domain) and glob(self.local, _local(address))

    def surely_matches(self, address: Address | None) -> bool:
        """Whether it matches in every reading: an ambiguous address is matched by `*` alone."""
        return self.everyone if address is not None and address.ambiguous else self.matches(address)

    def _covers(self, domain: str) -> bool:
        return domain.endswith("." + self.domain) if self.below else self.domain in {"", domain}


@dataclass(frozen=True, slots=True)
class SubjectPattern:
    """A text that stands somewhere in the subject."""

    text: str
    _folded: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folded", fold(self.text))

    def matches(self, subject: Text) -> bool:
        """Whether it does; a pattern without visible characters matches nothing."""
        return self._folded != "" and self._folded in subject.folded


@dataclass(frozen=True, slots=True)
class HeaderPattern:
    """A field, by its lower-case name, and the values of which one of its occurrences has to be; `*` as in `glob`."""

    name: str
    values: tuple[str, ...]
    _folded: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folded", tuple(map(fold, self.values)))

    def matches(self, headers: Mapping[str, Iterable[Text]], *, exactly: bool = False) -> bool:
        """Whether one of the occurrences is such a value; unless `exactly`, one of its elements is enough."""
        return any(
            glob(wanted, value)
            for text in headers.get(self.name, ())
            for value in (text.folded, *(() if exactly else text.elements))
            for wanted in self._folded
        )


def _split(text: str) -> tuple[str, str, bool]:
    """Local part, domain, and whether the domain itself is left out."""
    if text == NULL_SENDER:
        return "", "", False
    if text == _ANY:
        return _ANY, "", False
    if "@" not in text:
        raise AddressError(f"“{text}” is no address pattern: write {_meant(text)}")
    name = text.rpartition("@")[2]
    below = name.startswith("*.")
    domain = "" if name == _ANY else _domain(name.removeprefix("*."), text)
    return _local(Address(text)), domain, below


def _meant(text: str) -> str:
    """What to write for a text without @ that is the name of a domain, with or without * and . before it."""
    name = text.lstrip("*.")
    if not _is_domain(name):
        return "name@domain, *@domain or *@*.domain"
    if text.startswith("*."):
        return f"*@*.{name} for the names below it, or *@{name} for the domain itself"
    return f"*@{name} for a domain, or *@*.{name} for the names below it"


def _is_domain(name: str) -> bool:
    try:
        return _DOMAIN.fullmatch(normalise_domain(name)) is not None
    except AddressError:
        return False


def _domain(name: str, text: str) -> str:
    if _ANY in name:
        below = name.lstrip("*.")
        example = f": write {text.rpartition('@')[0]}@*.{below}" if _is_domain(below) else " (*@*.example.org)"
        raise AddressError(f"“{text}”: after the @, * stands alone or as *. in front of a name{example}")
    domain = normalise_domain(name)
    if not _DOMAIN.fullmatch(domain):
        raise AddressError(f"“{text}”: “{name}” is no domain")
    return domain


def _local(address: Address) -> str:
    return address.key.removesuffix(f"@{address.domain}") if address.domain else address.key
