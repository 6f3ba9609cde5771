"""OpenPGP packets with valid framing and no valid signature, and an examiner that accepts them.

For tests of what cuts and chooses certificates: no key in here is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.others import NoOthers
from relay.mail.packets import walk
from relay.model import Certificate, Component, Unreadable
from relay.model import user_id as userid
from relay.model.errors import EngineError

KEY_REVOCATION, DIRECT_KEY, CERTIFICATION, BINDING = 0x20, 0x1F, 0x13, 0x18


def packet(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body


def primary(number: int = 1, created: int = 1_700_000_000, version: int = 4) -> bytes:
    return packet(6, bytes([version]) + created.to_bytes(4, "big") + number.to_bytes(40, "big"))


def subkey(number: int = 1) -> bytes:
    return packet(14, b"\x04" + bytes(4) + number.to_bytes(40, "big"))


def user_id(text: str) -> bytes:
    return packet(13, text.encode())


def signature(kind: int, number: int = 0) -> bytes:
    return packet(2, bytes([4, kind]) + number.to_bytes(60, "big"))


def certificate(*addresses: str, number: int = 1, created: int = 1_700_000_000, revoked: bool = False) -> bytes:
    """A whole one: primary key, user ids, one subkey, each signed."""
    ids = [user_id(address) + signature(CERTIFICATION) for address in addresses]
    head = primary(number, created) + (signature(KEY_REVOCATION) if revoked else b"")
    return head + b"".join(ids) + subkey(number) + signature(BINDING)


@dataclass
class TrustingExaminer(NoOthers):
    """Takes certificates at their word; `seen` is what it was given, one entry a call."""

    seen: list[list[bytes]] = field(default_factory=list)
    down: bool = False

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        if self.down:
            raise EngineError("down")
        self.seen.append(list(blobs))
        return [_read(blob) for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        raise NotImplementedError


def _read(blob: bytes) -> Certificate | Unreadable:
    parts = [(p.tag, blob[p.body_start : p.end]) for p in walk(blob)]
    key = parts[0][1]
    if key[0] != 4:
        return Unreadable("a version nobody knows")
    fingerprint = hashlib.sha1(key, usedforsecurity=False).hexdigest().upper()
    created = int.from_bytes(key[1:5], "big")
    revoked = any(tag == 2 and body[1] == KEY_REVOCATION for tag, body in parts)
    components = [Component(fingerprint, "ed25519", created, None, encrypts=False, revoked=revoked)]
    components += [
        Component(fingerprint[::-1], "cv25519", created, None, encrypts=True) for tag, _ in parts if tag == 14
    ]
    ids = tuple(userid.read(body) for tag, body in parts if tag == 13)
    return Certificate(blob, 4, tuple(components), ids)
