"""Finds the held mails that can leave after a change of keys. Raises `StoreError`."""

from __future__ import annotations

from collections.abc import Collection

from relay.admin.held import Held, held
from relay.config import Config
from relay.keys.factory import build_stored_keys
from relay.keys.stored import StoredKeys
from relay.model import Address, Found
from relay.model.errors import AddressError
from relay.store import Store


async def released(config: Config, store: Store, fingerprints: Collection[str]) -> list[Held]:
    """The held mails whose recipients have one of these keys in use now."""
    stored_keys = build_stored_keys(config, store)
    keys: dict[str, frozenset[str]] = {}
    found: list[Held] = []
    for mail in await held(config, store) if fingerprints else []:
        if mail.recipient not in keys:
            keys[mail.recipient] = await _used(stored_keys, mail.recipient)
        if not keys[mail.recipient].isdisjoint(fingerprints):
            found.append(mail)
    return found


async def _used(stored_keys: StoredKeys, recipient: str) -> frozenset[str]:
    """The fingerprints that mail to this recipient is encrypted to now."""
    address = _address(recipient)
    lookup = await stored_keys.lookup(address) if address else None
    used = lookup.certificates if isinstance(lookup, Found) else ()
    return frozenset(certificate.fingerprint for certificate in used)


def _address(text: str) -> Address | None:
    """The recipient as an address; None where the stored text was cut because it was too long."""
    try:
        return Address(text)
    except AddressError:
        return None
