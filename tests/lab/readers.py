"""Other people's software reading what we encrypted: it must decrypt, and say that the signature is good."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.gnupghome import gnupg_home, gpg

Reader = Callable[[bytes, bytes, bytes | None], bytes]
"""Message, recipient's secret key, signer's certificate (None: unsigned) -> what was encrypted."""


def read_gnupg(message: bytes, secret: bytes, signer: bytes | None) -> bytes:
    with gnupg_home() as home:
        gpg(home, "--import", content=secret)
        if signer:
            gpg(home, "--import", content=signer)
        read = gpg(home, "--trust-model", "always", "--decrypt", content=message)
    assert b"DECRYPTION_OKAY" in read.stderr
    assert (b"GOODSIG" in read.stderr) is bool(signer)
    return read.stdout


def read_sequoia(message: bytes, secret: bytes, signer: bytes | None) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "secret").write_bytes(secret)
        verify = []
        if signer:
            (folder / "signer").write_bytes(signer)
            verify = ["--verify-with", str(folder / "signer"), "--verifications-out", str(folder / "verifications")]
        read = subprocess.run(
            ["sqop", "decrypt", *verify, str(folder / "secret")], input=message, capture_output=True, check=True
        )
        assert not signer or (folder / "verifications").read_text().strip()
    return read.stdout


def read_rnp(message: bytes, secret: bytes, signer: bytes | None) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, key in enumerate(filter(None, (secret, signer))):
            (folder / f"{number}.pgp").write_bytes(key)
            import_ = ["rnpkeys", "--homedir", name, "--import-key", str(folder / f"{number}.pgp")]
            subprocess.run(import_, capture_output=True, check=True)
        (folder / "message.pgp").write_bytes(message)
        decrypt = ["rnp", "--homedir", name, "--password", "", "--decrypt", "--output", str(folder / "clear")]
        read = subprocess.run([*decrypt, str(folder / "message.pgp")], capture_output=True, check=True)
        assert (b"Good signature" in read.stdout + read.stderr) is bool(signer)
        return (folder / "clear").read_bytes()


READERS: dict[str, Reader] = {"gnupg": read_gnupg, "sequoia": read_sequoia, "rnp": read_rnp}
