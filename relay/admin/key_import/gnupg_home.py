"""The public keys of a GnuPG home, as gpg itself exports them (`keys import --gnupg-home`).

What gpg leaves out is read from the keyring files (`keyring_files`). The home is read and nothing in it changes. gpg
gets an explicit home, a clean environment, no terminal and ten minutes, after which it is killed with what it started;
root calls it as the owner of the home. What was read lies in files without a name. Failure is a `Refusal`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from relay.admin.key_import import keyring_files
from relay.admin.key_import.folders import LARGEST_FILE, File
from relay.admin.key_import.result import Refusal
from relay.admin.owner import Descriptor
from relay.mail import packets
from relay.model.errors import OpenPgpError
from relay.process import external

SECONDS = 600.0

_KEYRINGS = (*keyring_files.NAMES, "public-keys.d")
_READ = (
    *("pubring.kbx", "pubring.gpg", "pubring.kbx~", "pubring.gpg~", "trustdb.gpg", "random_seed"),
    *("gpg.conf", "common.conf", "secring.gpg", "tofu.db", ".gpg-v21-migrated"),
)
_EXPORT = ("--batch", "--no-tty", "--quiet", "--no-options", "--no-auto-check-trustdb", "--export")


@contextmanager
def exported(home: Path) -> Iterator[list[File | Refusal]]:
    """Files with all public keys of that home, to be read inside the block. Not to be called where a loop runs."""
    with tempfile.TemporaryFile() as by_gpg, tempfile.TemporaryFile() as left_out:
        yield asyncio.run(_exported(home, by_gpg, left_out))


async def _exported(home: Path, by_gpg: IO[bytes], left_out: IO[bytes]) -> list[File | Refusal]:
    place = str(home)
    if not _is_home(home):
        return [Refusal(place, 0, "This folder is no GnuPG home: it has no pubring.kbx.")]
    if strange := _no_file(home):
        return [Refusal(place, 0, f"In this GnuPG home {strange} is not a regular file: GnuPG would wait forever.")]
    files: list[File | Refusal] = []
    if not await _export(home, by_gpg.fileno()):
        files.append(Refusal(place, 0, "GnuPG could not export the keys of this folder: try gpg --export."))
    _write_left_out(home, by_gpg, left_out)
    files += filter(None, (_file(place, file) for file in (by_gpg, left_out)))
    return files or [Refusal(place, 0, "This GnuPG home holds no public key.")]


def _write_left_out(home: Path, by_gpg: IO[bytes], target: IO[bytes]) -> None:
    by_gpg.seek(0)
    known = set(_primaries(by_gpg.read(LARGEST_FILE)))
    with suppress(OSError):  # gpg has told what it could read
        target.writelines(key for key in keyring_files.keys(home) if known.isdisjoint(_primaries(key)))
    target.flush()


def _primaries(data: bytes) -> Iterator[bytes]:
    """The digest of each primary key, as far as the packets can be read."""
    with suppress(OpenPgpError):
        for packet in packets.walk(data, most=len(data)):
            if packet.tag == packets.PUBLIC_KEY:
                yield hashlib.sha256(packets.body(data, packet)).digest()


def _file(place: str, file: IO[bytes]) -> File | Refusal | None:
    """What is in it; None: nothing."""
    size = os.fstat(file.fileno()).st_size
    if size > LARGEST_FILE:
        return Refusal(place, 0, "This GnuPG home holds more than 1 GiB of keys: export them in parts.")
    return File(place, size, partial(_again, file)) if size else None


def _again(file: IO[bytes]) -> int:
    """Another descriptor of it, at its beginning."""
    file.seek(0)
    return Descriptor(os.dup(file.fileno()))


async def _export(home: Path, output: int) -> bool:
    """Whether gpg came to its end. A signal that ends the program, at any moment, ends gpg first."""
    with _ending_by_signal():
        try:
            gpg = await _started(home, output)
        except OSError:
            return False
        try:
            return await asyncio.wait_for(gpg.wait(), SECONDS) == 0
        except TimeoutError:
            return False
        finally:
            await external.end(gpg)


async def _started(home: Path, output: int) -> asyncio.subprocess.Process:
    nothing = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *("gpg", "--homedir", str(home), *_EXPORT),
        stdin=nothing,
        stdout=output,
        stderr=nothing,
        env=external.environment(),
        start_new_session=True,
        **_owner(home),
    )


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """SIGTERM ends this task, and with it gpg, before it ends the program."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        if task:
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        yield
    except asyncio.CancelledError:
        if ended:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _no_file(home: Path) -> str:
    """The first that gpg would open and that is no file: a pipe, a socket, a device."""
    kept = home / "public-keys.d"
    read = [home / name for name in _READ] + (sorted(kept.iterdir()) if kept.is_dir() else [])
    return next((path.name for path in read if path.exists() and not path.is_file()), "")


def _owner(home: Path) -> dict[str, Any]:
    """The user as whom gpg runs: the home's owner, so that no file there becomes root's."""
    if os.geteuid() != 0:
        return {}
    facts = home.stat()
    return {"user": facts.st_uid, "group": facts.st_gid, "extra_groups": []}


def _is_home(home: Path) -> bool:
    return any((home / name).exists() for name in _KEYRINGS)
