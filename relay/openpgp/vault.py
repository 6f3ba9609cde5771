"""Short texts kept encrypted in the store, by a secret that lies in the keyring folder and in no backup.

A secret is 256 random bits, made when a text is first encrypted. Nodes on one database copy theirs to each other
(`secret_files`), so a folder may hold several: the first one by name encrypts, and each of them is tried to decrypt. A
new one that is to encrypt from now on gets a name before all others. Raises `EngineError`.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from relay.model.errors import EngineError
from relay.openpgp import call, memory_file
from relay.openpgp.arguments import no_keyring
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.home import reachable

FOLDER = "preset-secrets.d"
SECRET = re.compile(r"[0-9a-f]{32}\.secret")
"""The name of a file in it, different on each node: 128 bits."""
_STEP = 1 << 64
"""The most that the name of a new secret, as a number, lies before the first one's."""
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
        for file in self._files():
            if (text := await self._opened(closed, _read(file))) is not None:
                return text
        raise EngineError("a stored code cannot be decrypted: its secret is not in the keyring folder")

    def renew(self) -> None:
        """Make a new secret, if there is one, which encrypts from now on: a node that is lost knows the others."""
        if files := self._files():
            _made(self._home / FOLDER, int(files[0].stem, 16) - 1 - secrets.randbelow(_STEP))

    async def _opened(self, closed: bytes, secret: str) -> str | None:
        """The text; None where another secret has encrypted it."""
        with memory_file.memory(secret.encode() + b"\n") as fd, no_keyring() as (words, descriptors):
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
            return None
        return result.output.decode()

    def _secret(self) -> str:
        """The one to encrypt with: all nodes that have the same ones choose the same."""
        files = self._files()
        return _read(files[0] if files else _made(self._home / FOLDER, secrets.randbits(128)))

    def _files(self) -> list[Path]:
        return sorted(file for file in (self._home / FOLDER).glob("*") if SECRET.fullmatch(file.name))


def _read(file: Path) -> str:
    try:
        found = file.read_text("ascii")
    except OSError as error:
        raise EngineError(f"{file} cannot be read") from error
    if len(found) != 64:
        raise EngineError(f"{file} is not whole")
    return found


def _made(folder: Path, number: int) -> Path:
    """A file with a new secret, named by this number.

    It is whole when it gets its name, because other processes may read it at once.
    """
    file = folder / f"{number:032x}.secret"
    aside = folder / f".{file.name}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        made = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(made, secrets.token_hex(32).encode())
            os.fsync(made)
        finally:
            os.close(made)
        aside.rename(file)
    except OSError as error:
        raise EngineError(f"{file} cannot be made") from error
    return file
