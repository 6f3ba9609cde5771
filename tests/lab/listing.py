"""An examiner for tests: GnuPG's own listing, read with the least that a lookup needs."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence

from relay.model import Address, Certificate, Component, Unreadable, UserId


class Listing:
    """`Examiner` over `gpg --show-keys`."""

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        return [_examine(blob) for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        return _examine(_merge(known, news))


def _merge(known: bytes, news: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pr", dir="/tmp") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        for state in (known, news):
            subprocess.run([*gpg, "--import"], input=state, check=True, capture_output=True)
        return subprocess.run([*gpg, "--export"], check=True, capture_output=True).stdout


def _examine(blob: bytes) -> Certificate | Unreadable:
    with tempfile.TemporaryDirectory(prefix="pr", dir="/tmp") as home:
        command = ["gpg", "--homedir", home, "--batch", "--with-colons", "--show-keys"]
        listing = subprocess.run(command, input=blob, check=False, capture_output=True).stdout.decode()
    rows = [line.split(":") for line in listing.splitlines()]
    keys = [row for row in rows if row[0] in {"pub", "sub"}]
    fingerprints = [row[9] for row in rows if row[0] == "fpr"]
    if not keys:
        return Unreadable("no key")
    components = tuple(_component(row, fingerprint) for row, fingerprint in zip(keys, fingerprints, strict=True))
    user_ids = tuple(_user_id(row) for row in rows if row[0] == "uid")
    return Certificate(blob, 4, components, user_ids)


def _component(row: list[str], fingerprint: str) -> Component:
    expires = int(row[6]) if row[6] else None
    return Component(fingerprint, "ed25519", int(row[5]), expires, encrypts="e" in row[11], revoked=row[1] == "r")


def _user_id(row: list[str]) -> UserId:
    text = row[9].replace("\\x3a", ":")
    address = text[text.rfind("<") + 1 : -1] if text.endswith(">") else text
    return UserId(text, Address(address) if "@" in address else None, revoked=row[1] == "r")
