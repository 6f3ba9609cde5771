"""Short texts kept encrypted in the store, by a secret that lies in the keyring folder and in no backup.

The secret is 256 random bits, made when it is first needed. Raises `EngineError`.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from relay.model.errors import EngineError
from relay.openpgp import call, memory_file
from relay.openpgp.arguments import no_keyring
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.home import reachable

SECRET = "preset-secret"  # noqa: S105  the name of a file
SECONDS = 30.0
LONGEST = 1000
"""Octets of a text."""


class Vault:
    """`close` a text, `open` it again; `home` is the keyring folder."""

    def __init__(self, home: Path, timeout: float = SECONDS) -> None:
        self._home = home
        self._timeout = timeout
        self._gnupg = GnuPG(home, timeout)

    async def close(self, text: str) -> bytes:
        """Return the text, encrypted with this keyring's secret. Raises `EngineError`."""
        return await self._gnupg.lock(text.encode(), self._secret())

    async def open(self, closed: bytes) -> str:
        """The text that `close` was given."""
        with memory_file.memory(self._secret().encode() + b"\n") as fd, no_keyring() as (words, descriptors):
            result = await call.run(
                reachable(self._home),
                *words,
                *("--pinentry-mode", "loopback", "--passphrase-fd", str(fd), "--decrypt"),
                seconds=self._timeout,
                content=closed,
                most=LONGEST,
                passing=[fd, *descriptors],
            )
        if result.code != 0 or not any(keyword == "GOODMDC" for keyword, _ in result.status):
            raise EngineError("a stored code cannot be decrypted: the secret beside the keyring is another one")
        return result.output.decode()

    def _secret(self) -> str:
        file = self._home / SECRET
        try:
            with suppress(FileExistsError):
                _make(file)
            found = file.read_text("ascii")
        except OSError as error:
            raise EngineError(f"{file} cannot be read or made") from error
        if len(found) != 64:
            raise EngineError(f"{file} is not whole")
        return found


def _make(file: Path) -> None:
    """Write a new secret. Raises `FileExistsError` where there is one."""
    made = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(made, secrets.token_hex(32).encode())
        os.fsync(made)
    finally:
        os.close(made)
