"""Other people's software encrypting to a certificate and signing: what comes in as mail."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.gnupghome import gnupg_home, gpg

Writer = Callable[[bytes, bytes, bytes], bytes]
"""Content, recipient's certificate, signer's secret key -> a binary message, encrypted and signed."""

_OPENPGPJS = Path(sys.prefix) / "node_modules" / "openpgp" / "dist" / "node" / "openpgp.mjs"
_SCRIPT = Path(__file__).with_name("openpgpjs_write.mjs")


def write_gnupg(content: bytes, certificate: bytes, secret: bytes, *options: str) -> bytes:
    with gnupg_home() as home:
        gpg(home, "--import", content=secret)
        (home / "to").write_bytes(certificate)
        to = ("--trust-model", "always", "--recipient-file", str(home / "to"))
        return gpg(home, *to, *options, "--sign", "--encrypt", content=content).stdout


def write_sq(content: bytes, certificate: bytes, secret: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        to, by = _files(name, certificate, secret)
        words = ["sq", "encrypt", "--binary", "--recipient-cert", to, "--signer-key", by]
        return subprocess.run(words, input=content, capture_output=True, check=True).stdout


def write_sqop(content: bytes, certificate: bytes, secret: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        to, by = _files(name, certificate, secret)
        words = ["sqop", "encrypt", "--no-armor", f"--sign-with={by}", to]
        return subprocess.run(words, input=content, capture_output=True, check=True).stdout


def write_rnp(content: bytes, certificate: bytes, secret: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        for file in _files(name, certificate, secret):
            subprocess.run(["rnpkeys", "--homedir", name, "--import-key", file], capture_output=True, check=True)
        (Path(name) / "content").write_bytes(content)
        keys = subprocess.run(["rnpkeys", "--homedir", name, "--list-keys"], capture_output=True, check=True).stdout
        assert b"@" in keys
        out = Path(name) / "message"
        words = ["rnp", "--homedir", name, "--password", "", "--encrypt", "--sign", "--recipient", "hopital.example"]
        words += ["--userid", "bob@example.org", "--output", str(out), f"{name}/content"]
        subprocess.run(words, capture_output=True, check=True)
        return out.read_bytes()


def write_openpgpjs(content: bytes, certificate: bytes, secret: bytes) -> bytes:
    asked = {
        name: base64.b64encode(octets).decode()
        for name, octets in (("content", content), ("certificate", certificate), ("secret", secret))
    }
    words = ["node", str(_SCRIPT), str(_OPENPGPJS)]
    return subprocess.run(words, input=json.dumps(asked).encode(), capture_output=True, check=True, timeout=60).stdout


def _files(folder: str, *contents: bytes) -> list[str]:
    paths = [Path(folder) / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [str(path) for path in paths]


WRITERS: dict[str, Writer] = {
    "gnupg": write_gnupg,
    "sq": write_sq,
    "sqop": write_sqop,
    "rnp": write_rnp,
    "openpgp.js": write_openpgpjs,
}
