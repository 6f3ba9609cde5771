"""A binding: to which keys all mail to an address, or to the addresses of a domain, is encrypted.

Raises `ValueError` where a binding has no key, too many, or one twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from relay.model.address import Address

MOST_KEYS = 16
"""Keys of one binding: a mailbox that more people read needs another solution."""
DOMAINS = 4096
"""Remembered at a time: most mail goes to few."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Mail to `pattern` is encrypted to all of these keys, or does not leave encrypted at all."""

    pattern: str
    """As compared: `name@domain`, `*@domain`, or `*@*.domain` for the names below the domain."""
    fingerprints: tuple[str, ...]
    signs: bool = False
    """A signature by one of these keys is good for these addresses."""

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.fingerprints)) == len(self.fingerprints) <= MOST_KEYS:
            raise ValueError(f"a binding has 1 to {MOST_KEYS} different keys")


def patterns_of(address: Address) -> tuple[str, ...]:
    """The patterns that cover this address, in the order in which they count: without its tag, the longest first."""
    key = (address.untagged or address).key
    return (key,) if address.nameless else (key, *_patterns_of_domain(address.domain))


@lru_cache(maxsize=DOMAINS)
def _patterns_of_domain(domain: str) -> tuple[str, ...]:
    labels = domain.split(".")
    return (f"*@{domain}", *(f"*@*.{'.'.join(labels[start:])}" for start in range(1, len(labels))))


class BindingTable:
    """Bindings as mail looks for them: an address in a domain that none of them names costs one look."""

    def __init__(self, bindings: Iterable[Binding] = ()) -> None:
        self._by_pattern = {binding.pattern: binding for binding in bindings}
        named = frozenset(map(_domain_of, self._by_pattern))
        self._names = lru_cache(maxsize=DOMAINS)(partial(_is_named, named))

    def of(self, address: Address) -> Binding | None:
        """The one that counts for this address: its own, else that with the longest domain."""
        if not self._names(address.domain):
            return None
        return next((self._by_pattern[p] for p in patterns_of(address) if p in self._by_pattern), None)


def _domain_of(pattern: str) -> str:
    """As the pattern has it: `domain`, or `*.domain`; empty for a bare local part."""
    _, at, domain = pattern.rpartition("@")
    return domain if at else ""


def _is_named(named: Collection[str], domain: str) -> bool:
    """Whether a pattern with one of these domains may cover an address in this one."""
    return domain in named or any(map(named.__contains__, map(_domain_of, _patterns_of_domain(domain))))


def patterns_by_key(bindings: Iterable[Binding]) -> Mapping[str, Sequence[str]]:
    """Of each bound key, by its fingerprint, the patterns that it is bound to."""
    found: dict[str, list[str]] = {}
    for binding in bindings:
        for fingerprint in binding.fingerprints:
            found.setdefault(fingerprint, []).append(binding.pattern)
    return found
