"""Which addresses are one mailbox, and which only look alike."""

from __future__ import annotations

import pytest

from relay.model import Address
from relay.policy.pattern import AddressPattern


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bob@Example.ORG", "bob@example.org"),
        ("bob@example.org.", "bob@example.org"),
        ('"bob"@example.org', "bob@example.org"),
        ("É@example.org", "e\N{COMBINING ACUTE ACCENT}@example.org"),
        ("bob@müller.example", "bob@xn--mller-kva.example"),
    ],
)
def test_one_mailbox_in_two_spellings(one: str, other: str) -> None:
    assert Address(one) == Address(other)


LOOK_ALIKES = [
    ("groß@example.org", "gross@example.org"),
    ("\N{LATIN SMALL LETTER LONG S}am@example.org", "sam@example.org"),
    ("\N{LATIN SMALL LIGATURE FI}n@example.org", "fin@example.org"),
    ("b\N{CYRILLIC SMALL LETTER O}b@example.org", "bob@example.org"),
    ("bob@ex\N{CYRILLIC SMALL LETTER A}mple.org", "bob@example.org"),
    ("bob@faß.example", "bob@fass.example"),
    ("bob@example.org.evil.example", "bob@example.org"),
    ("bob+tag@example.org", "bob@example.org"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_a_look_alike_is_another_mailbox(one: str, other: str) -> None:
    """Compared by casefold, a key for one of the first three was a key for the other."""
    assert Address(one) != Address(other)
    assert not AddressPattern(one).matches(Address(other))
