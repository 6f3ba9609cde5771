"""Reads certificates and has GnuPG judge them: `ports.Examiner`.

Promises: one verdict for each blob, in order, and none that another blob of the same call could spoil: each is a file
of its own to gpg. A certificate comes back as gpg itself would store it, in canonical packet order (a revocation that
stood after the subkeys counts), with self-signatures alone, without the parts whose signatures do not hold; what else
is kept of it is told in `relay.openpgp.completion`. gpg looks for the place of a signature only where it is not plain
(`canonical_order`). One call of gpg both normalises and judges, in a home that is made for it and thrown away
(`--import-options import-export,import-show`); many certificates share a call, and calls run in parallel. No agent is
started, nothing is fetched.

What gpg need not see at all, `prefilter` turns away. Raises `EngineError` and `EngineTimeout` when gpg itself fails: an
outage, never a verdict on a certificate.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from relay.mail import packets
from relay.mail.certificate_parts import joined, parts, united
from relay.model import Address, Certificate, Unreadable
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp import call, completion, memory_file
from relay.openpgp.canonical_order import in_order, same
from relay.openpgp.certifications import certified
from relay.openpgp.colon_listing import certificate, is_whole, listings
from relay.openpgp.gnupg import default_parallel
from relay.openpgp.home import private_folder
from relay.openpgp.output_pipe import output_pipe
from relay.openpgp.prefilter import MOST_OCTETS, certificate_fingerprint, screen

BATCH = 100
NICE = 5
"""Mails whose keys are known do not wait for what strangers publish, nor for imports."""

_SECONDS_A_CERTIFICATE = 0.1
_LISTING = 1 << 20
_THROWAWAY = (
    "--lock-never",
    "--no-autostart",
    "--trust-model",
    "pgp",
)  # `always` has no trustdb, which revocations need
_NORMALISE = "import-export,import-show,self-sigs-only"
_AS_IT_STANDS = f"{_NORMALISE},no-repair-keys"

Verdict = Certificate | Unreadable


class GnuPGExaminer:
    """Has gpg judge certificates; implements `relay.pipeline.ports.Examiner`."""

    def __init__(self, timeout: float = 30.0, parallel: int | None = None) -> None:
        self._timeout = timeout
        self._turns = asyncio.Semaphore(parallel or default_parallel())

    async def examine(self, blobs: Sequence[bytes]) -> list[Verdict]:
        """One verdict a blob."""
        verdicts, readable = _screened(blobs)
        at = time.time()
        read = await self._as_they_stand(readable)
        read |= await self._each({blob: name for blob, name in readable.items() if blob not in read})
        verdicts |= {blob: _completed(blob, found, at) for blob, found in read.items()}
        return [verdicts[blob] for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Verdict:
        """Both states of one certificate as one."""
        try:
            first, second = parts(known), parts(news)
            if not first or next(iter(first)) != next(iter(second), None):
                return Unreadable("These are two different keys.")
            wholes = [united(first, second), united(second, first)]
            verdicts = await self.examine([joined(whole) for whole in wholes[: 1 + (wholes[0] != wholes[1])]])
        except OpenPgpError:
            return Unreadable("These are two different keys.")
        verdict = min(verdicts, key=_preference)
        if isinstance(verdict, Certificate) and parts(verdict.data) == first:
            return replace(verdict, data=known)  # gpg puts signatures in another order where it moved one
        return verdict

    async def revoked_by(self, certificate: bytes, revoker: bytes) -> bool:
        """Whether GnuPG takes it for revoked where it knows that other certificate: its designated revoker's."""
        async with self._turns:
            with _throwaway_home() as home, memory_file.memories([revoker, certificate]) as fds:
                imported = await self._call(home, "--import", *map(memory_file.name, fds), passing=fds, weight=2)
                listed = await self._call(home, "--list-keys", weight=2)
        states = {key.fingerprint: key.primary for key in listings(listed.output)}
        if imported.code != 0 or listed.code != 0 or not _imported(imported) <= states.keys():
            raise EngineError("gpg did not read a key and its designated revoker")
        return states.get(certificate_fingerprint(certificate)) == "r"

    async def certified_by(self, certificate: bytes, authority: bytes) -> frozenset[Address]:
        """The addresses of user ids that the other key certifies now, as GnuPG verifies it."""
        options = ("--import-options", "no-self-sigs-only,no-import-clean", "--import")
        async with self._turns:
            with _throwaway_home() as home, memory_file.memories([authority, certificate]) as fds:
                imported = await self._call(home, *options, *map(memory_file.name, fds), passing=fds, weight=2)
                listed = await self._call(home, "--no-sig-cache", "--fixed-list-mode", "--check-sigs", weight=2)
        name, other = certificate_fingerprint(certificate), certificate_fingerprint(authority)
        lacking = _imported(imported) - {key.fingerprint for key in listings(listed.output)}
        # at some keys GnuPG 2.2 aborts each time: what it listed until then counts
        if listed.code != -signal.SIGABRT and (listed.code < 0 or lacking):
            raise EngineError("gpg did not check the certifications of a key")
        return certified(listed.output, name, other, time.time())

    async def _as_they_stand(self, readable: dict[bytes, str]) -> dict[bytes, Verdict]:
        """Of those in order; where gpg has anything to change, it is left to be put in order."""
        judged = await self._each({b: name for b, name in readable.items() if in_order(b)}, _AS_IT_STANDS)
        return {b: found for b, found in judged.items() if isinstance(found, Certificate) and same(b, found.data)}

    async def _each(self, readable: dict[bytes, str], options: str = _NORMALISE) -> dict[bytes, Verdict]:
        verdicts: dict[bytes, Verdict] = {}
        for found in await asyncio.gather(*(self._judge(batch, options) for batch in _batches(readable))):
            verdicts.update(found)
        return verdicts

    async def _judge(self, batch: dict[bytes, str], options: str) -> dict[bytes, Verdict]:
        """The verdicts; where gpg breaks off, on each half."""
        async with self._turns:
            found = await self._normalise(list(batch), options)
        if found is not None:
            return {blob: found.get(name, _NOTHING_LEFT) for blob, name in batch.items()}
        if len(batch) == 1:
            return await self._blame(batch, options)
        half = len(batch) // 2
        items = list(batch.items())
        return await self._judge(dict(items[:half]), options) | await self._judge(dict(items[half:]), options)

    async def _blame(self, one: dict[bytes, str], options: str) -> dict[bytes, Verdict]:
        """It is the certificate's fault where gpg works without it and breaks off again with it."""
        async with self._turns:
            if await self._normalise([], _NORMALISE) is None:
                raise EngineError("gpg does not read certificates")
            found = await self._normalise(list(one), options)
        if found is None:
            return dict.fromkeys(one, Unreadable("GnuPG breaks off when it reads this key."))
        return {blob: found.get(name, _NOTHING_LEFT) for blob, name in one.items()}

    async def _normalise(self, blobs: Sequence[bytes], options: str) -> dict[str, Verdict] | None:
        """By fingerprint; None where gpg did not come to its end."""
        size = sum(map(len, blobs))
        with _throwaway_home() as home, memory_file.memories(blobs) as fds:
            async with output_pipe(2 * size + _LISTING) as exported:
                arguments = ["--output", memory_file.name(exported.fd), "--import-options", options, "--import"]
                passing = [*fds, exported.fd]
                result = await self._call(
                    home, *arguments, *map(memory_file.name, fds), passing=passing, weight=len(blobs)
                )
                canonical = await exported.read()
        if result.code == -signal.SIGKILL and len(blobs) <= 1:  # by the kernel, out of memory: no certificate does that
            raise EngineError("gpg was killed")
        if result.code < 0 or not any(keyword == "IMPORT_RES" for keyword, _ in result.status):
            return None
        return _verdicts(result.output, canonical)

    async def _call(self, home: Path, *arguments: str, weight: int, passing: Sequence[int] = ()) -> call.Result:
        seconds = self._timeout + weight * _SECONDS_A_CERTIFICATE
        most = 2 * MOST_OCTETS + weight * _LISTING
        return await call.run(home, *_THROWAWAY, *arguments, seconds=seconds, passing=passing, most=most, nice=NICE)


_NOTHING_LEFT = Unreadable("GnuPG finds no key in it that holds together.")


def _imported(result: call.Result) -> set[str]:
    """The fingerprints of what gpg took into its keyring. Raises `EngineError` where it did not come to its end."""
    if result.code < 0 or not any(keyword == "IMPORT_RES" for keyword, _ in result.status):
        raise EngineError("gpg did not read keys to its end")
    told = [value.split() for keyword, value in result.status if keyword == "IMPORT_OK"]
    return {fingerprint for changes, fingerprint in told if changes != "0"}


def _screened(blobs: Sequence[bytes]) -> tuple[dict[bytes, Verdict], dict[bytes, str]]:
    """The verdicts that need no GnuPG, and the fingerprints of the others."""
    verdicts: dict[bytes, Verdict] = {}
    readable: dict[bytes, str] = {}
    for blob in blobs:
        match screen(blob):
            case Unreadable(reason=reason):
                verdicts[blob] = completion.unreadable(blob, reason)
            case name:
                readable[blob] = name
    return verdicts, readable


def _preference(verdict: Verdict) -> tuple[bool, bool, bool]:
    """Which of two to take where both states have a signature of the same value, of which one may be forged."""
    if isinstance(verdict, Unreadable):
        return True, True, True
    return False, not verdict.primary.revoked, verdict.unusable(time.time()) is not None


def _completed(blob: bytes, read: Verdict, at: float) -> Verdict:
    return (
        completion.unreadable(blob, read.reason)
        if isinstance(read, Unreadable)
        else completion.completed(blob, read, at)
    )


def _verdicts(listing: bytes, canonical: bytes) -> dict[str, Verdict] | None:
    """By fingerprint; None where gpg did not list all that it wrote."""
    written = packets.split_certificates(canonical, len(canonical)) if canonical else []
    octets = {certificate_fingerprint(one): one for one in written}
    listed = {key.fingerprint: key for key in listings(listing) if key.fingerprint in octets}
    if not all(name in listed and is_whole(listed[name], one) for name, one in octets.items()):
        return None
    return {name: certificate(octets[name], key, time.time()) for name, key in listed.items()}


def _batches(readable: dict[bytes, str]) -> Iterator[dict[bytes, str]]:
    """Up to BATCH at a time; two states of one key never share a batch, whose answers go by fingerprint."""
    seen: dict[str, int] = defaultdict(int)
    rounds: dict[int, list[tuple[bytes, str]]] = defaultdict(list)
    for blob, name in readable.items():
        rounds[seen[name]].append((blob, name))
        seen[name] += 1
    for members in rounds.values():
        for start in range(0, len(members), BATCH):
            yield dict(members[start : start + BATCH])


@contextmanager
def _throwaway_home() -> Iterator[Path]:
    folder = private_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
