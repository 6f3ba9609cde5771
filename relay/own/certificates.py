"""The certificates of our own addresses: made, changed and taken out.

Encryption subkeys have a life of their own (`Lifetimes`): one is valid for `valid`, a new one is made when the newest
is older than `renew`, and one that expired `keep` ago is deleted and gets a tombstone: captured mail can no longer be
opened. Raises `OwnError` with a sentence for the administrator, `EngineError` and `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from relay.model import Address
from relay.model.errors import OwnError
from relay.model.own import OwnKey, OwnState
from relay.own.ports import KeyMaker, Register

YEAR = 365 * 86400.0
"""How long the certificate of a removed address is published, revoked."""
AT_ONCE = 100
"""The most certificates that are changed, and shared with other nodes, at a time."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Of encryption subkeys, in seconds."""

    valid: float
    renew: float
    keep: float


class OwnCertificates:
    """All of them; `domains` are our own mail domains."""

    def __init__(
        self,
        register: Register,
        maker: KeyMaker,
        domains: Collection[str],
        lifetimes: Lifetimes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._register = register
        self._maker = maker
        self._domains = frozenset(domains)
        self._lifetimes = lifetimes
        self._clock = clock

    def is_own(self, address: Address) -> bool:
        """Whether it stands in one of our domains."""
        return address.domain in self._domains

    async def add(self, addresses: Sequence[Address], *, listed: bool = True) -> list[OwnKey]:
        """A certificate for each that has none; one that was removed gets a new one. The certificates of all.

        If `listed` is false, certificates that exist already become unlisted too. If it is true, they stay as they are.
        """
        foreign = [address.text for address in addresses if not self.is_own(address)]
        if foreign:
            raise OwnError(f"not in own.domains: {', '.join(foreign)}")
        known = {address: await self._register.get(address) for address in dict.fromkeys(addresses)}
        kept = [key for key in known.values() if key is not None and key.state is OwnState.ACTIVE]
        wanted = [address for address, key in known.items() if key is None or key.state is not OwnState.ACTIVE]
        fresh = await self._maker.make(wanted, self._lifetimes.valid)
        made = [replace(key.after(known[key.address]), listed=listed) for key in fresh]
        stored = await self._register.put_first(made)
        await self._drop_unused(made, stored)
        return [*(kept if listed else [await self._unlist(key) for key in kept]), *stored]

    async def _unlist(self, key: OwnKey) -> OwnKey:
        while key.listed:
            unlisted = replace(key, listed=False)
            if await self._register.put_after(key, unlisted):
                return unlisted
            key = await self.required(key.address)  # it was renewed at this moment
        return key

    async def _drop_unused(self, made: Sequence[OwnKey], stored: Sequence[OwnKey]) -> None:
        """Delete the secret parts of certificates that were not stored because another process was faster."""
        used = {subkey.keygrip for key in stored for subkey in key.subkeys}
        for key in made:
            for subkey in key.subkeys:
                if subkey.keygrip not in used:
                    await self._maker.forget(subkey)

    async def missing(self, addresses: Sequence[Address]) -> list[Address]:
        """Those of these own addresses that have no certificate, whatever its state."""
        known = {key.address for key in await self._register.all()}
        return [address for address in addresses if self.is_own(address) and address not in known]

    async def remove(self, address: Address) -> OwnKey:
        """Publish it revoked for a year; it signs nothing, and mail encrypted to it still opens."""
        return await self._end(await self.required(address), OwnState.REMOVED)

    async def revoke(self, address: Address) -> OwnKey:
        """Publish it revoked, until somebody adds the address again."""
        return await self._end(await self.required(address), OwnState.REVOKED)

    async def rotate(self, addresses: Sequence[Address]) -> AsyncIterator[OwnKey]:
        """A new encryption subkey for each, now; for none of them if one has no active certificate.

        Each certificate comes as soon as it is stored: the next ones may fail.
        """
        keys = [await self._active(address) for address in dict.fromkeys(addresses)]
        changed: list[str] = []
        at = 0
        while at < len(keys):
            async for new in renewed(self._register, self._maker, keys[at : at + AT_ONCE], self._lifetimes):
                if new is None:
                    changed.append(keys[at].address.text)
                else:
                    yield new
                at += 1
        if changed:
            raise OwnError(f"the certificate of {', '.join(changed)} was changed at this moment: try again")

    async def _active(self, address: Address) -> OwnKey:
        key = await self.required(address)
        if key.state is not OwnState.ACTIVE:
            raise OwnError(f"the certificate of {address.text} is {key.state.value}: pgp-relay own add {address.text}")
        return key

    async def succeed(self, keys: Sequence[OwnKey]) -> list[OwnKey]:
        """A new certificate for each of these active ones; what was there is published beside it, revoked."""
        fresh = await self._maker.make([key.address for key in keys], self._lifetimes.valid)
        return [new for key, made in zip(keys, fresh, strict=True) for new in await self._put_successor(key, made)]

    async def _put_successor(self, key: OwnKey, made: OwnKey) -> list[OwnKey]:
        successor = replace(made.after(await self._maker.revoke(key)), listed=key.listed)
        if await self._register.put_after(key, successor):
            return [successor]
        await self._maker.forget(made.subkeys[-1])  # it was changed at this moment
        return []

    async def required(self, address: Address) -> OwnKey:
        """The certificate of an address that has one."""
        key = await self._register.get(address)
        if key is None:
            raise OwnError(f"{address.text} has no certificate: pgp-relay own add {address.text}")
        return key

    async def _end(self, key: OwnKey, state: OwnState) -> OwnKey:
        if key.state is not OwnState.ACTIVE:
            raise OwnError(f"the certificate of {key.address.text} is {key.state.value} already")
        revoked = await self._maker.revoke(key)
        ended = replace(revoked, state=state, changed=round(self._clock()))
        if await self._register.put_after(key, ended):
            return ended
        return await self._end(await self.required(key.address), state)  # it was renewed at this moment


async def renewed(
    register: Register, maker: KeyMaker, keys: Sequence[OwnKey], lifetimes: Lifetimes
) -> AsyncIterator[OwnKey | None]:
    """These with one more encryption subkey each, up to the first for which that fails; raises if it is the very first.

    Each comes once it is stored; None in the place of one that was changed meanwhile, such as revoked.
    """
    made = await maker.rotate(keys, lifetimes.valid)
    for key, rotated in zip(keys, made, strict=False):
        yield await _stored(register, maker, key, rotated)


async def _stored(register: Register, maker: KeyMaker, key: OwnKey, rotated: OwnKey) -> OwnKey | None:
    if await register.put_after(key, rotated):
        return rotated
    await maker.forget(rotated.subkeys[-1])
    return None
