"""Keygrips, by which gpg-agent names secret parts: a SHA-1 over a curve's parameters and a point."""

from __future__ import annotations

import hashlib

_P = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"
_N = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"
_PARAMETERS = {
    "Ed25519": {
        "p": _P,
        "a": "01",
        "b": "2dfc9311d490018c7338bf8688861767ff8ff5b2bebe27548a14b235eca6874a",
        "g": "04216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a" + "66" * 31 + "58",
        "n": _N,
    },
    "Curve25519": {
        "p": _P,
        "a": "01db41",
        "b": "01",
        "g": "04" + "00" * 31 + "0920ae19a1b8a086b4e01edd2c7748d14c923d4d7e6d7c61b229e9c5a27eced3d9",
        "n": _N,
    },
}


def keygrip(curve: str, point: bytes) -> str:
    """The keygrip (40 upper-case digits) of a point of 32 octets on `Ed25519` or `Curve25519`."""
    digest = hashlib.sha1(usedforsecurity=False)
    values = {name: bytes.fromhex(value) for name, value in _PARAMETERS[curve].items()} | {"q": point}
    for name, value in values.items():
        digest.update(b"(1:%b%d:%b)" % (name.encode("ascii"), len(value), value))
    return digest.hexdigest().upper()
