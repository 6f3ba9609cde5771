"""A binding: to which keys all mail to an address, or to the addresses of a domain, is encrypted.

Raises `ValueError` where a binding has no key, too many, or one twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from relay.model.address import Address

MOST_KEYS = 16
"""Keys of one binding: a mailbox that more people read needs another solution."""


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


@lru_cache(maxsize=4096)  # most mail goes to few domains
def _patterns_of_domain(domain: str) -> tuple[str, ...]:
    labels = domain.split(".")
    return (f"*@{domain}", *(f"*@*.{'.'.join(labels[start:])}" for start in range(1, len(labels))))


def patterns_by_key(bindings: Iterable[Binding]) -> Mapping[str, Sequence[str]]:
    """Of each bound key, by its fingerprint, the patterns that it is bound to."""
    found: dict[str, list[str]] = {}
    for binding in bindings:
        for fingerprint in binding.fingerprints:
            found.setdefault(fingerprint, []).append(binding.pattern)
    return found
