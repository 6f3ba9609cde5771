"""The primary key or a subkey of a certificate, and whether mail can be encrypted to it at a given time.

Times are seconds since the epoch. Fingerprints are upper-case hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """The primary key or a subkey."""

    fingerprint: str
    algorithm: str
    """As people write it: `rsa3072`, `cv25519`, `elgamal4096`, `nistp256`."""
    created: int
    expires: int | None
    encrypts: bool
    """It has the encryption capability."""
    revoked: bool = False
    valid: bool = True
    """Its binding signature holds."""
    supported: bool = True
    """The engine can encrypt to a key of its algorithm and curve."""
    weaknesses: tuple[str, ...] = ()
    """In words (`RSA of 1024 bits`); empty: not weak."""

    @property
    def key_id(self) -> str:
        """The 64-bit key id that a PKESK names (RFC 9580 section 5.5.4): v4 the last, v6 the first octets."""
        return self.fingerprint[:16] if len(self.fingerprint) == 64 else self.fingerprint[-16:]

    def usable(self, at: float) -> bool:
        """Whether it can be encrypted to at that time."""
        able = self.encrypts and self.valid and self.supported and not self.revoked
        return able and self.created <= at and not self.expired(at)

    def expired(self, at: float) -> bool:
        """Whether it has expired at `at`, seconds since 1970; False without an expiry."""
        return self.expires is not None and self.expires <= at
