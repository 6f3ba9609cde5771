"""The mails that are held: Postfix keeps each of them until there is a key for its recipient.

They are known from the trace: the last decision for a recipient is `hold`, and Postfix still tries. Raises
`StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from relay.config import Config
from relay.keys.factory import build_stored_keys
from relay.model import Address, Found
from relay.model.errors import AddressError
from relay.store import Store


@dataclass(frozen=True, slots=True)
class Held:
    """One mail and one of its recipients."""

    queue_id: str
    sender: str
    """Empty: the null reverse-path."""
    recipient: str
    rule: str
    reason: str
    since: float
    until: float
    """When Postfix gives up (`notices.waits`). Both in seconds since the epoch."""


async def held(config: Config, store: Store) -> list[Held]:
    """Those that wait now, the longest first."""
    waits = config.notices.waits
    return [
        Held(row.queue_id, row.sender, row.recipient, row.rule, row.reason, first, first + waits)
        for first, row in await store.trace.held(time.time() - waits)
    ]


async def released(config: Config, store: Store, fingerprints: Collection[str]) -> list[Held]:
    """Those of the held mails that can leave because one of these keys is used for their recipients now."""
    stored_keys = build_stored_keys(config, store)
    keys: dict[str, frozenset[str]] = {}
    found: list[Held] = []
    for mail in await held(config, store) if fingerprints else []:
        if mail.recipient not in keys:
            address = _address(mail.recipient)
            lookup = await stored_keys.lookup(address) if address else None
            used = lookup.certificates if isinstance(lookup, Found) else ()
            keys[mail.recipient] = frozenset(certificate.fingerprint for certificate in used)
        if not keys[mail.recipient].isdisjoint(fingerprints):
            found.append(mail)
    return found


def _address(text: str) -> Address | None:
    """None: it was too long to be kept whole."""
    try:
        return Address(text)
    except AddressError:
        return None
