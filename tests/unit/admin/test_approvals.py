"""What an approval of a key is for: its very octets, and the addresses that count of them."""

from __future__ import annotations

from dataclasses import replace

from lab.synthetic import certificate

from relay.admin.proposals import approval
from relay.model import Address

ONE, OTHER = Address("mallory@cabinet.example"), Address("direction@cabinet.example")


def test_the_approval_of_one_proved_address_counted_for_all_that_stand_in_the_key() -> None:
    """A key from its owner counts for the proved address; by an import of one person, it counted for the others."""
    whole = certificate("mallory", ONE.text, OTHER.text)
    proved = whole.showing((ONE,))
    assert approval(proved).digest == approval(whole.showing((ONE,))).digest
    assert approval(proved).digest != approval(whole).digest
    assert approval(replace(whole, data=whole.data + b"x")).digest != approval(whole).digest
