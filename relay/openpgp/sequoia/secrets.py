"""The secret parts of encryption subkeys in this process: `opener.SharedSecrets` for the engine without an agent.

Read from the keyring folder for each mail, and kept nowhere. Raises `EngineError`, and
`OpenPgpError` for a point that gives no secret.
"""

from __future__ import annotations

from pathlib import Path

from relay.model.own import OwnSubkey
from relay.openpgp import ecdh, secret_parts


class OwnSecrets:
    """Those of one keyring folder."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def shared(self, subkey: OwnSubkey, point: bytes) -> bytes:
        """The secret that this subkey shares with a sender's point."""
        return ecdh.shared_secret(secret_parts.read(self._home, subkey.keygrip)[::-1], point)
