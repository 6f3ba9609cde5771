"""Step 3 of the incoming way: the keys that an envelope recipient may use. Raises `StoreError`.

Its own, and of the addresses that it is allowed (`own allow`) those that the mail names. An address is compared whole:
a mail to `bob+tag` is not opened with the key of `bob`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from relay.model import Address
from relay.model.opened import Entitled
from relay.model.own import OwnKey


class OwnRegister(Protocol):
    """`relay.store.OwnKeys`, as far as opening needs it. Everything raises `StoreError`."""

    async def get(self, address: Address) -> OwnKey | None:
        """The certificate of this address."""

    async def allowed(self, address: Address) -> list[Address]:
        """Whose keys open mail for it, beside its own."""

    async def named(self, key_ids: Iterable[str]) -> list[OwnKey]:
        """Those with an encryption subkey of one of these key ids."""

    async def deleted(self, subkeys: Iterable[str]) -> frozenset[str]:
        """Those of these fingerprints that are deleted for good."""


async def entitled(register: OwnRegister, recipient: Address, key_ids: frozenset[str]) -> Entitled:
    """What this recipient may use of the keys that the mail names, and its own."""
    own = await register.get(recipient)
    named = await register.named(key_ids) if key_ids else []
    others = {address.key for address in await register.allowed(recipient)} if named else set()
    mine = (own,) if own else ()
    allowed = tuple(key for key in named if key.address.key in others and key.address != recipient)
    foreign = {key.address.key for key in named} - {key.address.key for key in (*mine, *allowed)}
    ids = {one.key_id for key in named if key.address.key in foreign for one in key.subkeys}
    deleted = await register.deleted(one.fingerprint for key in (*mine, *allowed) for one in key.subkeys)
    return Entitled(mine, allowed, deleted, frozenset(ids & key_ids))


def may_open(keys: Entitled, key_ids: frozenset[str], *, hidden: bool) -> bool:
    """Whether a mail that names these, or (`hidden`) nobody, may be for one of the keys."""
    ids = {one.key_id for key in (*keys.own, *keys.allowed) for one in key.subkeys}
    return not ids.isdisjoint(key_ids) or (hidden and bool(keys.own))


def fingerprints(keys: Entitled) -> frozenset[str]:
    """What a signature may name the recipient by (RFC 9580 section 5.2.3.36)."""
    every = (*keys.own, *keys.allowed)
    return frozenset({key.fingerprint for key in every} | {one.fingerprint for key in every for one in key.subkeys})
