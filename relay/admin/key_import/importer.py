"""Judges what was read and stores it, a few hundred certificates at a time; meanwhile the next are judged.

A fingerprint the store knows is merged with what it knows, so that nothing known is lost; where another process changed
it meanwhile, it is merged again. A revocation that stands alone is merged with the key that it names, once the
certificates of its batch are stored. Raises `EngineError` when the OpenPGP software itself fails and `StoreError` when
the store does: what was told before that is stored.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from relay.admin.key_import import revocations
from relay.admin.key_import.admission import Admission, admission
from relay.admin.key_import.folders import File
from relay.admin.key_import.reader import Read, read
from relay.admin.key_import.result import Offer, Refusal, Result, refused
from relay.admin.key_import.storing import State, Storing
from relay.admin.several_keys import several, told
from relay.config import Config
from relay.daemon.engines import build_examiner
from relay.keys.designated_revokers import RevocationExaminer
from relay.model import Address, Certificate, Entry, Unreadable
from relay.pipeline.ports import Examiner
from relay.store import Certificates, Store

BATCH = 400
BATCH_OCTETS = 32 << 20
AHEAD = 2
"""Batches that the judge has at a time, so that there is work for it while one that it is done with is stored."""

Progress = Callable[[int, int], None]
"""Octets done, octets in all files."""


@dataclass(frozen=True, slots=True)
class _Batch:
    found: Sequence[Offer | Refusal]
    verdicts: Mapping[int, Certificate | Unreadable]
    """Of each offer, by its id."""
    done: int


class Intake:
    """Imports into one store, with one judge."""

    def __init__(  # noqa: PLR0913  each says how it imports
        self,
        examiner: Examiner,
        certificates: Certificates,
        clock: Callable[[], float] = time.time,
        *,
        actor: str,
        dry_run: bool = False,
        admission: Admission | None = None,
    ) -> None:
        """`actor` imports. With `dry_run` nothing is stored: the fates are those that it would have.

        `admission` decides which keys are used at once; None: all.
        """
        self._examiner = RevocationExaminer(examiner, certificates)
        self._certificates = certificates
        self._clock = clock
        self._dry_run = dry_run
        self._storing = Storing(self._examiner, certificates, clock, actor=actor, dry_run=dry_run, admission=admission)
        self._actor = actor

    async def run(
        self, files: Sequence[File | Refusal], *, stdin: BinaryIO | None = None, progress: Progress | None = None
    ) -> AsyncIterator[Result]:
        """The fate of everything in these files, in their order; each is stored when it is told."""
        total = sum(file.size for file in files if isinstance(file, File))
        async with aclosing(self._judged(read(files, stdin or sys.stdin.buffer))) as batches:
            async for batch in batches:
                for result in await self._import(batch):
                    yield result
                if progress:
                    progress(batch.done, total)
        if progress:
            progress(total, total)

    async def _judged(self, reading: Iterator[Read]) -> AsyncGenerator[_Batch, None]:
        """All batches in their order, the next ones ahead of who takes them."""
        ahead: deque[asyncio.Task[_Batch]] = deque()
        try:
            while True:
                while len(ahead) < AHEAD and (batch := await asyncio.to_thread(_batch, reading)):
                    ahead.append(asyncio.create_task(self._judge(batch)))
                if not ahead:
                    return
                yield await ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _judge(self, batch: Sequence[Read]) -> _Batch:
        offers = [found for found, _ in batch if isinstance(found, Offer) and not found.revocation]
        verdicts = await self._examiner.examine([offer.data for offer in offers])
        return _Batch(
            [found for found, _ in batch],
            {id(offer): verdict for offer, verdict in zip(offers, verdicts, strict=True)},
            batch[-1][1],
        )

    async def _import(self, batch: _Batch) -> list[Result]:
        results = {id(found): refused(found) for found in batch.found if isinstance(found, Refusal)}
        offers = [found for found in batch.found if isinstance(found, Offer)]
        states = []
        for offer in offers:
            match batch.verdicts.get(id(offer)):
                case None:  # a revocation
                    continue
                case Unreadable(reason=reason, fingerprint=""):
                    results[id(offer)] = refused(offer, offer.damage or reason)
                case read:
                    states.append(State(offer, read.fingerprint, offer.data, read))
        results |= await self._storing.store(states)
        results |= await self._revoke([offer for offer in offers if offer.revocation])
        told = await self._remarked({id(found): results[id(found)] for found in batch.found})
        return [told[id(found)] for found in batch.found]

    async def _revoke(self, offers: Sequence[Offer]) -> dict[int, Result]:
        states, results = await revocations.states(self._certificates, self._examiner, offers)
        return results | await self._storing.store(states)

    async def _remarked(self, results: Mapping[int, Result]) -> dict[int, Result]:
        """The results, with remarks on keys that a stored one revokes, and on other keys of the same address."""
        stored = {result.fingerprint for result in results.values() if result.certificate}
        revoked: list[tuple[str, Entry]] = []
        if not self._dry_run:
            revoked = await revocations.claim(self._examiner, self._certificates, stored, self._actor)
        addresses = {a for result in results.values() if result.certificate for a in result.certificate.addresses}
        beside = several(await self._certificates.shared(addresses), self._clock()) if addresses else {}
        return {key: _with_remarks(result, revoked, beside) for key, result in results.items()}


def build_intake(config: Config, store: Store, *, actor: str, propose: bool = False, dry_run: bool = False) -> Intake:
    """The import of this site, for pages and commands alike; with `propose` new keys wait for an approval."""
    admits = admission(config, store, actor, propose=propose, dry_run=dry_run)
    return Intake(build_examiner(config), store.certificates, actor=actor, dry_run=dry_run, admission=admits)


def _with_remarks(
    result: Result, revoked: Sequence[tuple[str, Entry]], beside: Mapping[Address, list[Entry]]
) -> Result:
    if result.certificate is None:
        return result
    remarks = [
        f"it is the designated revoker of {entry.certificate.fingerprint}, which is revoked now"
        for revoker, entry in revoked
        if revoker == result.fingerprint
    ]
    remarks += [told(address, beside[address]) for address in result.certificate.addresses if address in beside]
    return replace(result, warnings=(*result.warnings, *remarks))


def _batch(reading: Iterator[Read]) -> list[Read]:
    batch: list[Read] = []
    octets = 0
    for found, done in islice(reading, BATCH):
        batch.append((found, done))
        octets += len(found.data) if isinstance(found, Offer) else 0
        if octets >= BATCH_OCTETS:
            break
    return batch
