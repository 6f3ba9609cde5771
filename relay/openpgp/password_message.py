"""Messages that a password opens (RFC 9580 sections 5.3.1 and 10.3): what an engine has written is checked here.

The key is derived by the iterated and salted S2K (section 3.7.1.3) with its largest count, so that guessing is as slow
as software of every age can read; the hash is SHA-256, which browsers derive in half the time of SHA-512.
"""

from __future__ import annotations

from relay.mail import packets
from relay.model.errors import EngineError, OpenPgpError

COUNT = 65_011_712
"""Octets that are hashed: the largest number that a count octet names."""
DIGEST = "SHA256"
MOST_CODE = 200
"""Characters of a password."""

_COUNT_OCTET = 255
_AES256 = 9
_ITERATED = 3
_VERSION_4 = 4


def password(code: str) -> str:
    """The same, where it can be one. Raises `EngineError`: of one line, so that every program takes it whole."""
    if not 1 <= len(code) <= MOST_CODE or not code.isascii() or not code.isprintable() or code != code.strip():
        raise EngineError("a password is one line of ASCII")
    return code


def check(message: bytes) -> None:
    """Raise `EngineError` unless it is one version 4 SKESK with that S2K, then SEIPD version 1, which gpg 2.2 reads."""
    try:
        found = list(packets.walk(message))
    except OpenPgpError as error:
        raise EngineError("what the engine wrote is not one whole message") from error
    if [packet.tag for packet in found] != [packets.SKESK, packets.SEIPD] or message[found[1].body_start] != 1:
        raise EngineError("the engine did not write a password message in packets that everybody reads")
    key = packets.body(message, found[0])
    if key[:3] != bytes((_VERSION_4, _AES256, _ITERATED)) or key[12:13] != bytes((_COUNT_OCTET,)):
        raise EngineError("the engine did not derive the key as it should")
