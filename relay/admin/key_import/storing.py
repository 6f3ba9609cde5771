"""Stores what was offered, merged with what the store knows of the same key.

Where another process changes a key meanwhile, it is read and merged again. Raises `EngineError` and `StoreError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.admin.key_import.admission import Admission, Using
from relay.admin.key_import.result import Offer, Result, refused, stored
from relay.model import Certificate, Entry, Unreadable
from relay.pipeline.ports import Examiner
from relay.store import Certificates

ATTEMPTS = 5

_CHANGING = "Another import is changing this key: import it again."
_DOES_NOT_HOLD = "This revocation is not valid: the key that it names did not sign it."


@dataclass(frozen=True, slots=True)
class State:
    """One state of a key that was offered."""

    offer: Offer
    fingerprint: str
    data: bytes
    read: Certificate | Unreadable
    """What the examiner says of it alone; `Unreadable`: it counts beside what is known of the key, or not at all."""


class Storing:
    """Stores imported certificates, merged with their stored states. Raises `StoreError` and `EngineError`."""

    def __init__(  # noqa: PLR0913  each says how it stores
        self,
        examiner: Examiner,
        certificates: Certificates,
        clock: Callable[[], float],
        *,
        actor: str,
        dry_run: bool = False,
        admission: Admission | None = None,
    ) -> None:
        self._admission = admission or Using()
        self._actor = actor
        self._dry_run = dry_run
        self._examiner = examiner
        self._certificates = certificates
        self._clock = clock

    async def store(self, states: Sequence[State]) -> dict[int, Result]:
        """What became of each offer, by its id."""
        results: dict[int, Result] = {}
        for _ in range(ATTEMPTS):
            if not states:
                return results
            changed = await self._attempt(states, results)
            states = [state for state in states if state.fingerprint in changed]
        return results | {id(state.offer): refused(state.offer, _CHANGING) for state in states}

    async def _attempt(self, states: Sequence[State], results: dict[int, Result]) -> set[str]:
        """Store them; the fingerprints that another process changed meanwhile are left to do."""
        keys: dict[str, list[State]] = {}
        for state in states:
            keys.setdefault(state.fingerprint, []).append(state)
        known = await self._certificates.by_fingerprints(keys)
        evolved = await asyncio.gather(*(self._evolve(known.get(f), each, results) for f, each in keys.items()))
        new = [entry for f, entry in zip(keys, evolved, strict=True) if entry is not None and entry != known.get(f)]
        if self._dry_run:
            return set()
        versions = {fingerprint: entry.version for fingerprint, entry in known.items()}
        return {
            entry.certificate.fingerprint for entry in await self._certificates.upsert(new, versions, actor=self._actor)
        }

    async def _evolve(self, entry: Entry | None, states: Sequence[State], results: dict[int, Result]) -> Entry | None:
        """The entry after all these states of one key, one after the other; whole ones first."""
        for state in sorted(states, key=lambda state: isinstance(state.read, Unreadable)):
            merged = await self._merge(entry, state)
            if isinstance(merged, Unreadable):
                results[id(state.offer)] = refused(state.offer, merged.reason)
                continue
            now = self._clock()
            admitted = await self._admission.admit(entry, merged, now)
            if isinstance(admitted, str):
                results[id(state.offer)] = refused(state.offer, admitted)
                continue
            entry = admitted.entry
            results[id(state.offer)] = stored(state.offer, admitted.outcome, entry.certificate, now, admitted.remark)
        return entry

    async def _merge(self, entry: Entry | None, state: State) -> Certificate | Unreadable:
        if entry is None:
            return state.read
        if entry.certificate.data == state.data and isinstance(state.read, Certificate):
            return state.read.revoked_as(entry.certificate)
        merged = await self._examiner.merge(entry.certificate.data, state.data)
        if isinstance(merged, Unreadable):
            return merged
        merged = merged.revoked_as(entry.certificate)
        return merged if merged.primary.revoked or not state.offer.revocation else Unreadable(_DOES_NOT_HOLD)
