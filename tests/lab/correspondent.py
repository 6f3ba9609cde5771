"""Somebody with GnuPG: makes keys, revokes them, sends them to a key server. A home of its own, removed at the end."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self


def in_days(days: float) -> str:
    """So long from now, as GnuPG reads it."""
    return in_seconds(days * 86400)


def in_seconds(seconds: float) -> str:
    """Likewise."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%S")


class Correspondent:
    """`with Correspondent() as person: fingerprint = person.new_key("Bob <bob@example.org>")`."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path: gpg-agent's socket lies in it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)  # the agent removes its socket at the same moment

    def gpg(self, *arguments: str, data: bytes = b"") -> bytes:
        """What gpg prints."""
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes", "--passphrase", "", *arguments]
        return subprocess.run(command, input=data, check=True, capture_output=True).stdout

    def new_key(self, user_id: str, *, created: str = "20240101T120000", expires: str = "never") -> str:
        """An ed25519 key with a subkey for encryption; its fingerprint."""
        when = ["--faked-system-time", f"{created}!"]
        self.gpg(*when, "--quick-generate-key", user_id, "future-default", "default", expires)
        listing = self.gpg("--list-keys", "--with-colons").decode().splitlines()
        primary = [index for index, line in enumerate(listing) if line.startswith("pub:")][-1]
        return next(line.split(":")[9] for line in listing[primary:] if line.startswith("fpr:"))

    def revoke(self, fingerprint: str) -> None:
        """With the revocation that GnuPG made beforehand."""
        text = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_bytes()
        self.gpg("--import", data=text.replace(b":-----BEGIN", b"-----BEGIN"))

    def export(self, *fingerprints: str) -> bytes:
        """The public keys, binary."""
        return self.gpg("--export", *fingerprints)

    def export_armored(self, *fingerprints: str) -> bytes:
        return self.gpg("--armor", "--export", *fingerprints)

    def send(self, keyserver: str, *fingerprints: str) -> None:
        """To a key server, through dirmngr."""
        self.gpg("--keyserver", keyserver, "--send-keys", *fingerprints)

    def locate(self, keyserver: str, address: str) -> str:
        """The fingerprint that GnuPG finds for an address there, or an empty string."""
        command = ["gpg", "--homedir", str(self.home), "--batch", "--with-colons", "--keyserver", keyserver]
        command += ["--auto-key-locate", "clear,keyserver", "--locate-external-keys", address]
        found = subprocess.run(command, check=False, capture_output=True, text=True).stdout
        return next((line.split(":")[9] for line in found.splitlines() if line.startswith("fpr:")), "")
