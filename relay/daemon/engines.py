"""Which OpenPGP software encrypts and judges: `engine` of the configuration, made into parts.

Raises `ConfigError` where the extra `sequoia` is not installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

from relay.config import Config
from relay.keys.wrapped_examiner import WrappedExaminer
from relay.model import Certificate, Unreadable
from relay.model.errors import ConfigError, EngineError, Fault
from relay.openpgp import signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.pipeline.encrypt import Protected, ProtectInPool, ProtectionJob, protected
from relay.pipeline.ports import Engine, Examiner
from relay.process.pool import Document, run_in_background

Kind = Literal["gnupg", "sequoia"]
R = TypeVar("R")

ORDINARY = 8 << 10
"""Octets of certificates that are judged in this process: those of a few people, which take some milliseconds."""

EXTRA = "engine: sequoia needs the extra of that name: pip install 'pgp-relay[sequoia]'"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine is made of, here or in another process."""

    kind: Kind
    home: Path
    timeout: float
    passphrase: bytes | None = field(repr=False)

    def engine(self) -> Engine:
        """Make an engine with these settings."""
        make = GnuPG if self.kind == "gnupg" else sequoia().Sequoia
        engine: Engine = make(self.home, self.timeout, self.passphrase)
        return engine


async def build_engine(config: Config, signers: Iterable[str]) -> tuple[Engine, ProtectInPool]:
    """The engine of this process, and a function that encrypts or signs large messages in a process of the pool.

    Each process of the pool makes an engine of its own, once, and opens the secret keys itself: the passphrase goes
    over a pair of unnamed sockets, and no key does. Here the secret keys are opened at once: a wrong passphrase shows
    at start. Raises `EngineError`.
    """
    settings = EngineSettings(config.engine, config.keyring, config.deadlines.gpg, passphrase(config))
    engine = settings.engine()
    if config.engine == "sequoia" and isinstance(engine, sequoia().Sequoia):
        await engine.prepare(signers)

    async def in_pool(job: ProtectionJob, document: Document) -> Protected:
        return await document.run_last(protect_in_pool, settings, job)

    return engine, in_pool


def protect_in_pool(settings: EngineSettings, job: ProtectionJob) -> Awaitable[Protected]:
    """In a process of the pool: the encrypted or signed mail. Only the coroutine holds the job."""
    return protected(_made(settings), job)


@lru_cache(maxsize=2)
def _made(settings: EngineSettings) -> Engine:
    return settings.engine()


async def signers(config: Config) -> dict[str, str]:
    """What `sign` says, and the fingerprint of the key that each means. Raises `EngineError` where one is missing."""
    return {selector: await signing.resolve(config.keyring, selector) for selector in config.sign.keys}


async def check_engine(config: Config) -> None:
    """Test that gpg-agent still has the signing keys; without a signing key, that gpg runs. Raises `EngineError`."""
    if not await signers(config):
        await signing.secret_keys(config.keyring)


def build_examiner(config: Config) -> Examiner:
    """Make what judges certificates, in this process."""
    return ExaminerSettings(config.engine, config.deadlines.gpg).examiner()


def build_pooled_examiner(config: Config) -> Examiner:
    """What judges certificates while mail is handled: many at once in another process, which delays no mail."""
    return PooledExaminer(ExaminerSettings(config.engine, config.deadlines.gpg), config.lookup.timeout)


def build_background_examiner(config: Config) -> Examiner:
    """What judges the keys that strangers mail: all of them in another process, which delays no mail."""
    return PooledExaminer(ExaminerSettings(config.engine, config.deadlines.gpg), config.lookup.timeout, ordinary=0)


@dataclass(frozen=True, slots=True)
class ExaminerSettings:
    """What an examiner is made of, here or in another process."""

    kind: Kind
    timeout: float

    def examiner(self) -> Examiner:
        """Make an examiner with these settings."""
        make = GnuPGExaminer if self.kind == "gnupg" else sequoia().SequoiaExaminer
        examiner: Examiner = make(self.timeout)
        return examiner


class PooledExaminer(WrappedExaminer):
    """`ports.Examiner`. One large request at a time; others wait up to `patience` seconds, and then fail."""

    def __init__(self, judging: ExaminerSettings, patience: float, ordinary: int = ORDINARY) -> None:
        """Requests of up to `ordinary` octets are worked on in this process."""
        super().__init__(judging.examiner())
        self._judging = judging
        self._patience = patience
        self._ordinary = ordinary
        self._turn = asyncio.Semaphore(1)

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """As the port says."""
        size = sum(map(len, blobs))
        if size <= self._ordinary:
            return await super().examine(blobs)
        return await self._in_background(run_in_background(size, examine_in_pool, self._judging, blobs))

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        """As the port says."""
        size = len(known) + len(news)
        if size <= self._ordinary:
            return await super().merge(known, news)
        return await self._in_background(run_in_background(size, merge_in_pool, self._judging, known, news))

    async def _in_background(self, request: Coroutine[Any, Any, R]) -> R:
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError as error:
            request.close()
            raise EngineError("other keys are being judged") from error
        except asyncio.CancelledError:
            request.close()  # never begun
            raise
        work = asyncio.ensure_future(request)
        work.add_done_callback(self._ended)
        return await asyncio.shield(work)  # a caller that gives up waiting neither ends the work nor frees the turn

    def _ended(self, work: asyncio.Future[Any]) -> None:
        self._turn.release()
        if not work.cancelled():
            work.exception()  # retrieved, or asyncio would log it where no caller waits any more


async def examine_in_pool(judging: ExaminerSettings, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
    """In the background process: the verdicts."""
    return await judging.examiner().examine(blobs)


async def merge_in_pool(judging: ExaminerSettings, known: bytes, news: bytes) -> Certificate | Unreadable:
    """In the background process: both states of one certificate as one."""
    return await judging.examiner().merge(known, news)


def passphrase(config: Config) -> bytes | None:
    """The first line of `sign.passphrase_file`."""
    file = config.sign.passphrase_file
    return file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r") if file else None


def sequoia() -> ModuleType:
    """The package of that engine. Raises `ConfigError` where the extra is not installed."""
    try:
        from relay.openpgp import sequoia as package  # noqa: PLC0415  an extra: not everybody has it
    except ImportError as error:
        raise ConfigError((Fault("engine", 0, EXTRA),)) from error
    return package
