"""A GnuPG home for one piece of work on our own keys: its keyring is empty, its secret keys are those of the real home.

`private-keys-v1.d` and `openpgp-revocs.d` are symbolic links into the real home: what is made here is there at once,
by keygrip, and what lies there can be used. The public parts are thrown away with the folder, so that a real home
with the secret keys of 20,000 addresses has a keyring as small as one with ten, and each call of gpg costs the same.

Raises `EngineError` where the folder cannot be made.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from relay.model.errors import EngineError
from relay.openpgp import call, gpgconf
from relay.openpgp.home import private_folder

SECRETS = "private-keys-v1.d"
REVOCATIONS = "openpgp-revocs.d"
SECONDS = 120.0

_LINKED = (SECRETS, REVOCATIONS)


@dataclass(frozen=True, slots=True)
class ScratchHome:
    """A GnuPG home for one piece of work; `scratch_home` makes and removes it."""

    path: Path

    async def gpg(self, *arguments: str, content: bytes = b"", passing: tuple[int, ...] = ()) -> call.Result:
        """One call of gpg; secret keys without a passphrase need none. Raises `EngineError` for what failed."""
        result = await call.run(
            self.path, *arguments, content=content, passing=passing, seconds=SECONDS, nice=call.NICE
        )
        if result.code != 0:
            raise EngineError("gpg did not finish its work on our own keys")
        return result


@asynccontextmanager
async def scratch_home(home: Path, *certificates: bytes) -> AsyncIterator[ScratchHome]:
    """A scratch home for the keyring folder `home`, with these public certificates in it; its agent ends with it."""
    folder = private_folder()
    scratch = ScratchHome(folder)
    try:
        for name in _LINKED:
            try:
                (home / name).mkdir(mode=0o700, exist_ok=True)
                (folder / name).symlink_to((home / name).absolute(), target_is_directory=True)
            except OSError as error:
                raise EngineError("the secret keys cannot be reached from a temporary folder") from error
        if certificates:
            await scratch.gpg("--import", content=b"".join(certificates))
        yield scratch
    finally:
        await gpgconf.end_agent(folder)
        shutil.rmtree(folder, ignore_errors=True)
