"""Someone outside whose key the relay knows, and who reads what was encrypted to it with other software than GnuPG."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Self

import pysequoia

from lab.correspondent import Correspondent
from lab.relay import Relay

KNOWN = "known@ville.example"
UNKNOWN = "unknown@ville.example"
BEGIN = b"-----BEGIN PGP MESSAGE-----"
END = b"-----END PGP MESSAGE-----"


class Known:
    """The correspondent `KNOWN`."""

    def __init__(self, *addresses: str) -> None:
        self.person = Correspondent()
        self.addresses = addresses or (KNOWN,)
        self.fingerprints: list[str] = []

    def __enter__(self) -> Self:
        self.person.__enter__()
        self.fingerprints = [self.person.new_key(f"Someone <{address}>") for address in self.addresses]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.person.__exit__(kind, error, trace)

    def introduce(self, relay: Relay) -> None:
        """Have the public keys imported."""
        relay.run("keys", "import", "-", content=self.person.export(*self.fingerprints))

    def decrypt(self, mail: bytes) -> bytes:
        """The payload of an encrypted mail."""
        return pysequoia.decrypt(armored(mail), decryptor=self._decryptor).bytes or b""

    @cached_property
    def _decryptor(self) -> pysequoia.PyDecryptor:
        secret = self.person.gpg("--export-secret-keys", self.fingerprints[0])
        return pysequoia.Tsk.from_bytes(secret).decryptor()


def is_encrypted(mail: bytes) -> bool:
    return b"multipart/encrypted" in mail.partition(b"\r\n\r\n")[0] and BEGIN in mail


def armored(mail: bytes) -> bytes:
    """The message in an encrypted mail."""
    start = mail.index(BEGIN)
    return mail[start : mail.index(END, start) + len(END)]
