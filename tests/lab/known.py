"""Someone outside whose key the relay knows, and reading what was sealed for them with their own GnuPG."""

from __future__ import annotations

from types import TracebackType
from typing import Self

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
        """The payload of a sealed mail."""
        start = mail.index(BEGIN)
        return self.person.gpg("--decrypt", data=mail[start : mail.index(END, start) + len(END)])


def is_sealed(mail: bytes) -> bool:
    return b"multipart/encrypted" in mail.partition(b"\r\n\r\n")[0] and BEGIN in mail
