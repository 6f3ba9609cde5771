"""Certificates made of thin air, for tests of what stores and chooses them: no OpenPGP inside."""

from __future__ import annotations

import hashlib

from relay.model import Address, Certificate, Component, Entry, Origin, UserId

CREATED = 1_700_000_000
NOW = 1_800_000_000.0


def certificate(  # noqa: PLR0913 - one value a fact
    name: str,
    *addresses: str,
    expires: int | None = None,
    revoked: bool = False,
    encrypts: bool = True,
    weak: bool = False,
    version: int = 4,
    data: bytes = b"",
) -> Certificate:
    """One with its fingerprint from `name`, and user ids for these addresses (`name@example.org`)."""
    digits = hashlib.sha256(name.encode()).hexdigest().upper()
    primary = digits if version == 6 else digits[:40]
    weaknesses = ("RSA of 1024 bits",) if weak else ()
    return Certificate(
        data=data or f"{name}:".encode() + bytes(600),
        version=version,
        components=(
            Component(primary, "ed25519", CREATED, expires, encrypts=False, revoked=revoked, weaknesses=weaknesses),
            Component(primary[::-1], "cv25519", CREATED, expires, encrypts=encrypts),
        ),
        user_ids=tuple(
            UserId(f"{name} <{a}>", Address(a) if a else None) for a in addresses or (f"{name}@example.org",)
        ),
    )


def entry(
    of: Certificate, *, origin: Origin = Origin.IMPORTED, updated: int = CREATED, proposed: bool = False
) -> Entry:
    """As the store holds it."""
    return Entry(of, origin, updated, proposed)
