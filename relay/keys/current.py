"""Stored certificates as the OpenPGP software judges them now.

Its verdict may change with time: a key that was made by a clock ahead becomes valid, the signature of a user id ends.
`Certificate.holds_until` says when. A certificate that is looked up later than that is read again, and the store keeps
what was read. A certificate that the software could not read is also read again, once in each process: another engine
may be configured, or another version installed.

Raises `StoreError` where the store or the software fails: an outage, never "no key".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from relay.keys.narrowing import bounded, unreduced
from relay.model import Address, Certificate, Entry, Origin
from relay.model.errors import EngineError, StoreError
from relay.pipeline.ports import Examiner
from relay.store import Certificates


class KnownCertificates(Protocol):
    """Certificates to look up, `relay.store.Certificates` or what stands before it. Raises `StoreError`."""

    async def by_address(self, address: Address) -> Sequence[Entry]:
        """Those with this address."""

    async def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """The certificate with this fingerprint."""

    async def is_rejected(self, fingerprint: str) -> bool:
        """Whether a person rejected it."""


class CurrentCertificates:
    """The store's certificates; `versions` are those that the engine may read."""

    def __init__(
        self,
        certificates: Certificates,
        examiner: Examiner,
        versions: Collection[int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._certificates = certificates
        self._examiner = examiner
        self._versions = versions
        self._clock = clock
        self._tried: set[str] = set()
        self._reading = asyncio.Lock()

    async def by_address(self, address: Address) -> Sequence[Entry]:
        """Those with this address."""
        entries = await self._certificates.by_address(address)
        if not any(map(self._outdated, entries)):
            return entries
        async with self._reading:
            return [await self._current(entry) for entry in await self._certificates.by_address(address)]

    async def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """The certificate with this fingerprint."""
        entry = await self._certificates.by_fingerprint(fingerprint)
        if entry is None or not self._outdated(entry):
            return entry
        async with self._reading:
            return await self._current(entry)

    async def is_rejected(self, fingerprint: str) -> bool:
        """Whether a person rejected it."""
        return await self._certificates.is_rejected(fingerprint)

    def _outdated(self, entry: Entry) -> bool:
        certificate = entry.certificate
        if certificate.holds_until is not None and certificate.holds_until <= self._clock():
            return True
        unread = bool(certificate.fault) and certificate.version in self._versions
        return unread and certificate.fingerprint not in self._tried

    async def _current(self, entry: Entry) -> Entry:
        if not self._outdated(entry):
            return entry
        before = entry.certificate
        try:
            [read] = await self._examiner.examine([before.data])
        except EngineError as error:
            raise StoreError("a stored key has to be read again, and that is not possible now") from error
        self._tried.add(before.fingerprint)
        if not isinstance(read, Certificate):
            return entry
        read = unreduced(read, before)
        if entry.origin is not Origin.IMPORTED:  # its source was asked for one address, and the whole key was judged
            read = bounded(read.showing(before.shown_addresses), before)
        now = replace(entry, certificate=_keeping(before, read))
        await self._certificates.upsert([now], {before.fingerprint: entry.version})
        return now


def _keeping(before: Certificate, read: Certificate) -> Certificate:
    """The new verdict, with what is not in the octets: a verified revocation, or that a directory disabled the key."""
    return replace(read.revoked_as(before), disabled=read.disabled or before.disabled)
