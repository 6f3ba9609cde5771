"""The kinds of address that Postfix tells apart, and an example of each that it takes (ADDRESS_CLASS_README).

Read from the settings and from tables with keys. Tables in LDAP or SQL cannot be read: an address in them has to be
named by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from relay.admin.postfix import tables
from relay.admin.postfix.folder import parameter

NOBODY = "nobody@pgp-relay.invalid"
"""An address outside that does not exist (RFC 2606): a probe that bypasses the relay reaches nobody."""


class Kind(StrEnum):
    """Of an address, as Postfix delivers to it."""

    LOCAL = "local"
    """mydestination"""
    ALIAS = "alias"
    """virtual_alias_maps: another address takes its place"""
    MAILBOX = "mailbox"
    """virtual_mailbox_domains"""
    RELAY = "relay"
    """relay_domains"""
    OUTSIDE = "outside"
    """Everywhere else."""


_DOMAINS = {
    Kind.LOCAL: "mydestination",
    Kind.MAILBOX: "virtual_mailbox_domains",
    Kind.RELAY: "relay_domains",
}
_MAILBOXES = {Kind.MAILBOX: "virtual_mailbox_maps", Kind.RELAY: "relay_recipient_maps"}


@dataclass(frozen=True, slots=True)
class Sample:
    """An address to probe."""

    kind: Kind
    address: str
    leaves: bool
    """Mail to it goes to another host."""


@dataclass(frozen=True)
class Kinds:
    """Where a Postfix delivers which addresses."""

    folder: Path

    def samples(self) -> Iterator[Sample]:
        """One of each kind that there is."""
        for kind in (Kind.LOCAL, Kind.ALIAS, Kind.MAILBOX, Kind.RELAY):
            address = next(self._addresses(kind), None)
            if address:
                yield Sample(kind, address, self._leaves(kind, address))
        yield Sample(Kind.OUTSIDE, NOBODY, leaves=True)

    def sample(self, address: str) -> Sample:
        """The address with its kind."""
        kind = Kind.ALIAS if address.lower() in self._aliases else self._kind(address.rpartition("@")[2].lower())
        return Sample(kind, address, self._leaves(kind, address))

    def _addresses(self, kind: Kind) -> Iterator[str]:
        if kind is Kind.ALIAS:
            yield from self._aliases
            return
        keys = tables.rows(parameter(self.folder, _MAILBOXES[kind])) if kind in _MAILBOXES else ()
        yield from (key for key, _ in keys if re.fullmatch(r"[^\s@]+@[^\s@]+", key) and key.isascii())
        yield from (f"postmaster@{domain}" for domain in self._domains[kind])

    def _kind(self, domain: str) -> Kind:
        for kind, domains in self._domains.items():
            if domain in domains or (kind is Kind.RELAY and any(domain.endswith(f".{each}") for each in domains)):
                return kind
        return Kind.OUTSIDE

    def _leaves(self, kind: Kind, address: str) -> bool:
        if kind is Kind.ALIAS:
            targets = re.findall(r"[^\s,@]+@([^\s,@]+)", self._aliases[address.lower()])
            return any(self._kind(domain.lower()) is Kind.OUTSIDE for domain in targets)
        return kind is Kind.OUTSIDE

    @cached_property
    def _domains(self) -> dict[Kind, tuple[str, ...]]:
        return {kind: tuple(map(str.lower, tables.listed(parameter(self.folder, n)))) for kind, n in _DOMAINS.items()}

    @cached_property
    def _aliases(self) -> dict[str, str]:
        rows = tables.rows(parameter(self.folder, "virtual_alias_maps"))
        return {key.lower(): right for key, right in rows if "@" in key[1:] and key.isascii()}
