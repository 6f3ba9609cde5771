"""Other people's software opening a message with its password."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.gnupghome import gnupg_home
from lab.openpgpjs import LIBRARY

SCRIPT = Path(__file__).with_name("openpgpjs_password.mjs")


class WrongPassword(AssertionError):
    """It says that the password does not open the message."""


def read_gnupg(message: bytes, password: str) -> bytes:
    with gnupg_home() as home:
        given = ["--batch", "--no-symkey-cache", "--pinentry-mode", "loopback", "--passphrase", password]
        command = ["gpg", "--homedir", str(home), *given, "--decrypt"]
        done = subprocess.run(command, input=message, capture_output=True, check=False)
    return _output(done)


def read_sq(message: bytes, password: str) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "message").write_bytes(message)
        (folder / "password").write_text(password)
        command = ["sqop", "decrypt", "--with-password", str(folder / "password")]
        done = subprocess.run(command, input=message, capture_output=True, check=False)
    return _output(done)


def read_openpgpjs(message: bytes, password: str) -> bytes:
    asked = {"message": base64.b64encode(message).decode(), "password": password}
    command = ["node", str(SCRIPT), str(LIBRARY)]
    done = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True, check=False, timeout=60)
    return base64.b64decode(_output(done))


def _output(done: subprocess.CompletedProcess[bytes]) -> bytes:
    if done.returncode:
        raise WrongPassword(done.stderr.decode("utf-8", "replace"))
    return done.stdout


READERS: dict[str, Callable[[bytes, str], bytes]] = {
    "gnupg": read_gnupg,
    "sequoia": read_sq,
    "openpgp.js": read_openpgpjs,
}
