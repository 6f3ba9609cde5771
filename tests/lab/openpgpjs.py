"""openpgp.js, which web mailers use: it decrypts a message and checks its signatures.

The package lies in the virtual environment: `npm install --prefix .venv openpgp@6.3.2` (`make test` does so).
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

LIBRARY = Path(sys.prefix) / "node_modules" / "openpgp" / "dist" / "node" / "openpgp.mjs"
SCRIPT = Path(__file__).with_name("openpgpjs.mjs")

needs_openpgpjs = pytest.mark.skipif(not LIBRARY.exists(), reason=f"{LIBRARY} is not there: make test installs it")


class Read(NamedTuple):
    """What it found."""

    payload: bytes
    signatures: int
    """All of them good."""


def read(message: bytes, secret: bytes, signer: str) -> Read:
    """An armored message, with the reader's secret key and the signer's armored certificate (empty: not verified)."""
    asked = {"message": message.decode("ascii"), "secret": base64.b64encode(secret).decode(), "signer": signer}
    done = subprocess.run(
        ["node", SCRIPT, LIBRARY], input=json.dumps(asked).encode(), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    return Read(base64.b64decode(found["data"]), found["signatures"])
