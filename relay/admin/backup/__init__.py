"""Backup and restore of the keyring folder, our secret keys and the store, while the relay serves.

`make` writes one file (`relay.admin.backup.archive`). `Restoring` unpacks and judges all of a backup before anything is
replaced; `apply` then replaces the store's rows in one transaction, in which the keys are put back too, so that either
both count or the store stays as it was. A running relay notices by itself.

Raises `BackupError`, `StoreError` and `EngineError`, each with a sentence.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import BinaryIO

from relay.admin.backup import archive
from relay.admin.backup.archive import opened
from relay.admin.backup.new_file import NewFile, new_file
from relay.config import Config
from relay.daemon.storage import opened_store, store_place
from relay.model.errors import BackupError, StoreError
from relay.model.own import decryption_keygrips
from relay.openpgp import home, key_transfer
from relay.store import Store, snapshot

__all__ = ["Contents", "NewFile", "Restoring", "make", "new_file", "opened", "read", "store_file"]

STORE = "store.db"
LARGEST_STORE = 1 << 40


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of a backup, or of the store."""

    certificates: int
    rows: int
    """Rows of the trace, deleted ones included."""
    fault: str = ""
    """What is wrong with the trace's chain."""
    secret_keys: int = 0
    own_addresses: int = 0
    """Own addresses that have a certificate."""
    opens: int = 0
    """Those of them whose mail, encrypted before the backup, can be opened with it."""


def store_file(config: Config) -> Path | None:
    """The store's file; None if it is PostgreSQL, which is backed up by its own tools."""
    return snapshot.place(store_place(config))


async def make(config: Config, store: Path, target: NewFile, *, decryption_keys: bool = False) -> tuple[int, Contents]:
    """Write a backup; its size, and what is in it.

    The secret encryption subkeys of own addresses are left out unless `decryption_keys`: whoever gets hold of the file
    could open mail that was captured before.
    """
    async with opened_store(config) as current:
        left_out = frozenset() if decryption_keys else decryption_keygrips(await current.own_keys.all())
        keys = await key_transfer.taken(config.keyring, left_out)
        with _beside(config.keyring) as folder:
            copy = folder / STORE
            await asyncio.to_thread(snapshot.take, store, copy)
            contents = await _contents(copy, keys)
            said = {"made": datetime.now(UTC).isoformat(timespec="seconds"), "version": version("pgp-relay")}
            size = await asyncio.to_thread(archive.write, target, said, {STORE: copy, **keys})
    return size, contents


@dataclass(frozen=True, slots=True)
class Restoring:
    """A backup that was unpacked and found sound."""

    config: Config
    store: Path
    new: bool
    """There was no store."""
    copy: Path
    keys: dict[str, bytes]
    made: str
    holds: Contents
    now: Contents
    """What the store has now."""
    buried: frozenset[str] = frozenset()
    """Keygrips of deleted encryption subkeys, which no backup brings back."""

    async def apply(self) -> bool:
        """Restore it; returns whether the trace was kept, because it continues the backup's."""
        with snapshot.replacing(self.store, self.copy, new=self.new) as goes_on:
            await key_transfer.put(self.config.keyring, self.keys, self.buried)
        return goes_on


@asynccontextmanager
async def read(config: Config, store: Path, source: BinaryIO) -> AsyncIterator[Restoring]:
    """Unpack and check it; changes nothing, except that a missing keyring folder and store are made."""
    home.prepare(config.keyring)
    with _beside(config.keyring) as folder:
        manifest = await asyncio.to_thread(archive.unpack, source, folder, _largest)
        keys = {name: (folder / name).read_bytes() for name in manifest.files if name != STORE}
        holds = await _judged(folder / STORE, keys)
        new = not await asyncio.to_thread(store.exists)
        async with opened_store(config) as current:
            now = await _counted(current)
            buried = await current.own_keys.buried_keygrips() | await _buried(folder / STORE)
            yield Restoring(config, store, new, folder / STORE, keys, manifest.made, holds, now, buried)


def _largest(name: str) -> int | None:
    if name == STORE:
        return LARGEST_STORE
    return key_transfer.largest(name)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A private folder on the same file system."""
    try:
        with tempfile.TemporaryDirectory(prefix=".pgp-relay-", dir=folder) as name:
            yield Path(name)
    except OSError as error:
        raise BackupError(f"{folder} cannot be written to: {error.strerror}") from error


async def _judged(copy: Path, keys: dict[str, bytes]) -> Contents:
    if not await asyncio.to_thread(copy.exists):
        raise BackupError("there is no store in the backup")
    try:
        await asyncio.to_thread(snapshot.assure, copy)
        return await _contents(copy, keys)
    except StoreError as error:
        raise BackupError(f"in the backup: {error}") from error


async def _contents(copy: Path, keys: dict[str, bytes]) -> Contents:
    """The content of a store, read with this version's schema: an older one is upgraded in the copy."""
    async with await Store.open(copy) as store:
        counted = await _counted(store)
        verdict = await store.trace.verify()
        own = await store.own_keys.all()
    fault = "" if verdict.holds else f"row {verdict.number}: {verdict.fault}"
    secrets = {PurePath(name).stem for name in keys if name.endswith(".key")}
    opens = sum(key.subkeys[-1].keygrip in secrets for key in own)
    return replace(counted, fault=fault, secret_keys=len(secrets), own_addresses=len(own), opens=opens)


async def _buried(copy: Path) -> frozenset[str]:
    async with await Store.open(copy) as store:
        return await store.own_keys.buried_keygrips()


async def _counted(store: Store) -> Contents:
    return Contents((await store.certificates.counts()).total, sum((await store.trace.last_numbers()).values()))
