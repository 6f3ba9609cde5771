"""A key packet (RFC 9580 section 5.5.2): what its body says of the key. Raises nothing."""

from __future__ import annotations

from dataclasses import dataclass

RSA = frozenset({1, 2, 3})
OLD = frozenset({16, 17})
"""Algorithms ElGamal and DSA (RFC 9580 section 9.1)."""
_FOR_ENCRYPTION = frozenset({1, 2, 16, 18, 25, 26, 35, 36})
"""Algorithms (RFC 9580 section 9.1, draft-ietf-openpgp-pqc) of keys that may encrypt."""
_NAMES = {
    **dict.fromkeys(RSA, "RSA"),
    16: "ElGamal",
    17: "DSA",
    18: "ECDH",
    19: "ECDSA",
    22: "Ed25519",
    25: "X25519",
    26: "X448",
    27: "Ed25519",
    28: "Ed448",
    30: "ML-DSA-65+Ed25519",
    31: "ML-DSA-87+Ed448",
    35: "ML-KEM-768+X25519",
    36: "ML-KEM-1024+X448",
}
_OLD_VERSIONS = frozenset({b"\x02", b"\x03"})


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """The body of a key packet."""

    body: bytes

    @property
    def is_old(self) -> bool:
        """Whether it is of version 2 or 3."""
        return self.body[:1] in _OLD_VERSIONS

    @property
    def created(self) -> int:
        """When the key was made, in seconds since the epoch."""
        return int.from_bytes(self.body[1:5], "big")

    @property
    def algorithm(self) -> int:
        """It stands behind version and creation time; in version 3 behind the days it lasts too."""
        at = 7 if self.is_old else 5
        return next(iter(self.body[at : at + 1]), 0)

    @property
    def may_encrypt(self) -> bool:
        """Whether a key of this algorithm may."""
        return self.algorithm in _FOR_ENCRYPTION

    @property
    def bits(self) -> int:
        """Of the first number of a version 4 key."""
        return int.from_bytes(self.body[6:8], "big")

    @property
    def name(self) -> str:
        """The algorithm in words, with its bits where it comes in several lengths."""
        name = _NAMES.get(self.algorithm, "?")
        return f"{name} {self.bits}" if self.algorithm in RSA | OLD and self.body[:1] == b"\x04" else name
