"""Which binding counts for an address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.model import Address
from relay.model.binding import Binding, BindingTable, patterns_of

KEY = ("AB" * 20,)
DOMAINS = ("a.example", "b.a.example", "c.b.a.example", "example", "bücher.example", "[192.0.2.1]", "[IPv6:::1]")
ADDRESSES = [
    *(f"{local}@{domain}" for local in ("bob", "Bob+tag", '"a@b"', "+x") for domain in DOMAINS),
    *("postmaster", "post+tag", "bob@A.Example", "bob@a.example."),
]


def bound(patterns: set[str]) -> BindingTable:
    return BindingTable([Binding(pattern, KEY) for pattern in patterns])


@given(st.sets(st.sampled_from([p for text in ADDRESSES for p in patterns_of(Address(text))])))
def test_the_first_pattern_that_covers_an_address_counts(patterns: set[str]) -> None:
    """A table that leaves a domain out where a binding names it would be a mail to another key."""
    table = bound(patterns)
    for address in map(Address, ADDRESSES * 2):  # what was remembered of a domain counts for the next as for the first
        first = next((pattern for pattern in patterns_of(address) if pattern in patterns), None)
        found = table.of(address)
        assert (found and found.pattern) == first, address


def test_no_domain_is_kept_for_each_address_that_somebody_writes_to() -> None:
    table = bound({"*@a.example"})
    for number in range(10_000):
        assert table.of(Address(f"bob@d{number}.example")) is None
    assert table._names.cache_info().currsize < 10_000
