"""The secret key that signs a mail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret key of the keyring folder, by its certificate."""

    fingerprint: str
    """Of the certificate's primary key."""
    certificate: bytes = b""
    """Of an own address, binary: GnuPG's keyring does not hold it. Empty: the keyring has it."""
