"""Judges what was read and stores it, a few hundred certificates at a time; meanwhile the next are judged.

A fingerprint the store knows is merged with what it knows, so that nothing known is lost; where another
process changed it meanwhile, it is merged again. Raises `EngineError` when the OpenPGP software itself fails
and `StoreError` when the store does: what was told before that is stored.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from relay.admin.key_import.folders import File
from relay.admin.key_import.reader import Read, read
from relay.admin.key_import.result import Offer, Outcome, Refusal, Result, refused, stored
from relay.model import Certificate, Entry, Origin, Unreadable
from relay.pipeline.ports import Examiner
from relay.store import Certificates

BATCH = 400
BATCH_OCTETS = 32 << 20
AHEAD = 2
"""Batches that the judge has at a time, so that there is work for it while one that it is done with is stored."""
ATTEMPTS = 5

Progress = Callable[[int, int], None]
"""Octets done, octets in all files."""

_Judged = tuple[Offer, Certificate]


@dataclass(frozen=True, slots=True)
class _Batch:
    found: Sequence[Offer | Refusal]
    verdicts: Mapping[int, Certificate | Unreadable]
    """Of each offer, by its id."""
    done: int


class Intake:
    """Imports into one store, with one judge."""

    def __init__(self, examiner: Examiner, certificates: Certificates, clock: Callable[[], float] = time.time) -> None:
        self._examiner = examiner
        self._certificates = certificates
        self._clock = clock

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
        offers = [found for found, _ in batch if isinstance(found, Offer)]
        verdicts = await self._examiner.examine([offer.data for offer in offers])
        return _Batch(
            [found for found, _ in batch],
            {id(offer): verdict for offer, verdict in zip(offers, verdicts, strict=True)},
            batch[-1][1],
        )

    async def _import(self, batch: _Batch) -> list[Result]:
        results: dict[int, Result] = {}
        judged: list[_Judged] = []
        for found in batch.found:
            if isinstance(found, Refusal):
                results[id(found)] = refused(found)
                continue
            verdict = batch.verdicts[id(found)]
            if isinstance(verdict, Unreadable):
                results[id(found)] = refused(found, verdict.reason)
            else:
                judged.append((found, verdict))
        results |= await self._store(judged)
        return [results[id(found)] for found in batch.found]

    async def _store(self, judged: Sequence[_Judged]) -> dict[int, Result]:
        results: dict[int, Result] = {}
        for _ in range(ATTEMPTS):
            changed = await self._attempt(judged, results)
            judged = [(offer, certificate) for offer, certificate in judged if certificate.fingerprint in changed]
            if not judged:
                return results
        reason = "Another import is changing this key: import it again."
        return results | {id(offer): refused(offer, reason) for offer, _ in judged}

    async def _attempt(self, judged: Sequence[_Judged], results: dict[int, Result]) -> set[str]:
        """Store what was judged; the fingerprints that another process changed meanwhile are left to do."""
        keys: dict[str, list[_Judged]] = {}
        for offer, certificate in judged:
            keys.setdefault(certificate.fingerprint, []).append((offer, certificate))
        known = await self._certificates.by_fingerprints(keys)
        evolved = await asyncio.gather(*(self._evolve(known.get(f), states, results) for f, states in keys.items()))
        new = [entry for f, entry in zip(keys, evolved, strict=True) if entry is not None and entry != known.get(f)]
        versions = {fingerprint: entry.version for fingerprint, entry in known.items()}
        return {entry.certificate.fingerprint for entry in await self._certificates.upsert(new, versions)}

    async def _evolve(self, entry: Entry | None, states: Sequence[_Judged], results: dict[int, Result]) -> Entry | None:
        """The entry after all these states of one certificate, one after the other."""
        for offer, certificate in states:
            merged = await self._merge(entry, certificate)
            if isinstance(merged, Unreadable):
                results[id(offer)] = refused(offer, merged.reason)
                continue
            outcome = _outcome(entry, merged)
            if entry is None or outcome is not Outcome.UNCHANGED:
                entry = Entry(merged, Origin.IMPORTED, int(self._clock()))
            else:
                entry = Entry(merged, entry.origin, entry.updated)
            results[id(offer)] = stored(offer, outcome, merged, self._clock())
        return entry

    async def _merge(self, entry: Entry | None, news: Certificate) -> Certificate | Unreadable:
        if entry is None or entry.certificate.data == news.data:
            return news
        return await self._examiner.merge(entry.certificate.data, news.data)


def _outcome(before: Entry | None, after: Certificate) -> Outcome:
    if before is None:
        return Outcome.IMPORTED
    administered = before.origin is Origin.IMPORTED and not before.proposed
    return Outcome.UNCHANGED if administered and before.certificate.data == after.data else Outcome.UPDATED


def _batch(reading: Iterator[Read]) -> list[Read]:
    batch: list[Read] = []
    octets = 0
    for found, done in islice(reading, BATCH):
        batch.append((found, done))
        octets += len(found.data) if isinstance(found, Offer) else 0
        if octets >= BATCH_OCTETS:
            break
    return batch
