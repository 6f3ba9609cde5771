"""The public keys of a GnuPG home, as gpg itself exports them (`keys import --gnupg-home`).

The home is read and nothing in it changes. gpg gets an explicit home, a clean environment, no terminal and
ten minutes, after which it is killed with what it started; the export goes into a temporary file that is gone at
the end. Failure is a `Refusal`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from relay.admin.key_import.folders import LARGEST_FILE, File
from relay.admin.key_import.result import Refusal

SECONDS = 600.0

_KEYRINGS = ("pubring.kbx", "pubring.gpg", "public-keys.d")
_READ = (
    *("pubring.kbx", "pubring.gpg", "pubring.kbx~", "pubring.gpg~", "trustdb.gpg", "random_seed"),
    *("gpg.conf", "common.conf", "secring.gpg", "tofu.db", ".gpg-v21-migrated"),
)
_EXPORT = ("--batch", "--no-tty", "--quiet", "--no-options", "--no-auto-check-trustdb", "--export")


@asynccontextmanager
async def exported(home: Path) -> AsyncIterator[File | Refusal]:
    """A file with all public keys of that home, to be read inside the block."""
    place = str(home)
    if not await asyncio.to_thread(_is_home, home):
        yield Refusal(place, 0, "This folder is no GnuPG home: it has no pubring.kbx.")
        return
    if strange := await asyncio.to_thread(_no_file, home):
        yield Refusal(place, 0, f"In this GnuPG home {strange} is no file: GnuPG would wait for it without end.")
        return
    with tempfile.TemporaryDirectory(prefix="pgp-relay-") as folder:
        path = Path(folder, "exported.pgp")
        if not await _export(home, path):
            yield Refusal(place, 0, "GnuPG could not export the keys of this folder: try gpg --export.")
        elif not (size := await asyncio.to_thread(_size, path)):
            yield Refusal(place, 0, "This GnuPG home holds no public key.")
        elif size > LARGEST_FILE:
            yield Refusal(place, 0, "This GnuPG home holds more than 1 GiB of keys: export them in parts.")
        else:
            yield File(place, size, str(path))


async def _export(home: Path, path: Path) -> bool:
    arguments = ("--homedir", str(home), "--output", str(path), *_EXPORT)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
    nothing = asyncio.subprocess.DEVNULL
    try:
        gpg = await asyncio.create_subprocess_exec(
            "gpg", *arguments, stdin=nothing, stdout=nothing, stderr=nothing, env=environment, start_new_session=True
        )
    except OSError:
        return False
    try:
        with _ending_by_signal():
            return await asyncio.wait_for(gpg.wait(), SECONDS) == 0
    except TimeoutError:
        return False
    finally:
        if gpg.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(gpg.pid, signal.SIGKILL)
            await gpg.wait()


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


def _is_home(home: Path) -> bool:
    return any((home / name).exists() for name in _KEYRINGS)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
