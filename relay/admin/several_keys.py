"""Addresses for which several usable keys are imported: the newest is used (`relay.keys.selection`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from relay.model import Address, Entry, Origin


def several(entries: Iterable[Entry], at: float) -> dict[Address, list[Entry]]:
    """The usable imported keys of each address that has more than one, the one that is used first."""
    usable: dict[Address, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.origin is Origin.IMPORTED and not entry.proposed:
            for address in entry.certificate.addresses:
                if entry.certificate.unusable(at, address) is None:
                    usable[address].append(entry)
    return {address: sorted(keys, key=_newest_first) for address, keys in usable.items() if len(keys) > 1}


def told(address: Address, keys: list[Entry]) -> str:
    """A sentence about them."""
    used = keys[0].certificate.fingerprint
    return f"{address.text} has {len(keys)} usable keys: the newest is used, {used}"


def _newest_first(entry: Entry) -> tuple[int, int]:
    return -entry.certificate.primary.created, -entry.updated
