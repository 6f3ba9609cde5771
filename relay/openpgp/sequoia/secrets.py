"""The secret parts of encryption subkeys in this process: `opener.SharedSecrets` for the engine without an agent.

Read from the keyring folder, and kept open in this process's memory alone while the file is what it was: one that is
deleted opens nothing any more. Raises `EngineError`, and `OpenPgpError` for a point that gives no secret.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from relay.model.own import OwnSubkey
from relay.openpgp import ecdh, secret_parts
from relay.openpgp.ecdh import Secret

MOST_OPEN = 500
"""Secret parts that stay open: opening one takes a tenth of opening a mail."""

_File = tuple[int, int, int]
"""Inode, time of change in nanoseconds, size."""


class OwnSecrets:
    """Those of one keyring folder."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: OrderedDict[str, tuple[_File, Secret]] = OrderedDict()

    async def shared(self, subkey: OwnSubkey, point: bytes) -> bytes:
        """The secret that this subkey shares with a sender's point."""
        return ecdh.shared_secret(self._secret(subkey.keygrip), point)

    def _secret(self, keygrip: str) -> Secret:
        file = self._file(keygrip)
        known = self._open.pop(keygrip, None)
        if file is None or known is None or known[0] != file:
            known = (file or (0, 0, 0), ecdh.secret(secret_parts.read(self._home, keygrip)[::-1]))
        self._open[keygrip] = known
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return known[1]

    def _file(self, keygrip: str) -> _File | None:
        try:
            facts = secret_parts.path(self._home, keygrip).stat()
        except OSError:
            return None  # reading it says why
        return facts.st_ino, facts.st_mtime_ns, facts.st_size
