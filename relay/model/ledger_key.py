"""What the ledger calls a recipient of a transaction."""

from __future__ import annotations

from relay.model.address import Address

_TOLD, _FOLDED = "<told>", "<folded>"  # no address holds a <
_EARLIER_TOLD = "told:"


def names_of(address: Address) -> tuple[str, str]:
    """The address exactly as it came, since `Bob@` may not be `bob@`; and what a row of version 0.1.0 has become."""
    return address.text, _FOLDED + address.key


def told(name: str) -> str:
    """Of the row that says: the sender knows that the mail waits for this recipient."""
    return _TOLD + name


def renamed(name: str) -> str:
    """Of a row of version 0.1.0, which noted keys of addresses, and `told:` before them."""
    if name.startswith(_EARLIER_TOLD):
        return told(_FOLDED + name.removeprefix(_EARLIER_TOLD))
    return _FOLDED + name
