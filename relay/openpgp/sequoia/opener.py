"""`ports.Opener` without an agent: secret parts are read in this process, and Sequoia verifies signatures."""

from __future__ import annotations

from pathlib import Path

from relay.openpgp.opener import OwnOpener
from relay.openpgp.sequoia.secrets import OwnSecrets
from relay.openpgp.sequoia.verifier import SequoiaVerifier


class SequoiaOpener(OwnOpener):
    """Opens with the secret parts of a keyring folder."""

    def __init__(self, home: Path, timeout: float, most: int) -> None:
        super().__init__(OwnSecrets(home), SequoiaVerifier(home, timeout), most)
