"""The packets of an encrypted OpenPGP message (RFC 9580 section 10.3): session keys, then one encrypted packet.

Raises `OpenPgpError` for octets that are no such message.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

from relay.mail import packets, session_key
from relay.mail.packets import Packet
from relay.mail.randomness import is_random
from relay.mail.session_key import SessionKey
from relay.model import Doubt
from relay.model.errors import Doubtful, OpenPgpError

MAX_SESSION_KEYS = 10_000
MAX_PASSWORDS = 16
MIN_ENCRYPTED = 41
"""Octets of an encrypted packet: a prefix, an empty text, and what protects its integrity."""

_FIXED = {packets.SED: 0, packets.SEIPD: 1, packets.AEAD: 4}
"""Octets in front of what is random in an encrypted packet; version 2 of SEIPD has three more."""
_VERSIONS = {packets.SEIPD: frozenset({b"\1", b"\2"}), packets.AEAD: frozenset({b"\1"})}


class _Message(NamedTuple):
    """An encrypted message (RFC 9580 section 10.3): its session key packets, and the encrypted one behind them."""

    keys: list[Packet]
    encrypted: Packet


def session_keys(data: bytes) -> tuple[list[str], int]:
    """Return what the session keys of an encrypted message are for, and the tag of its encrypted packet."""
    message = _message(data)
    return [_key_id(data, key) for key in message.keys], message.encrypted.tag


def _key_id(data: bytes, packet: Packet) -> str:
    if packet.tag == packets.SKESK:
        return session_key.PASSWORD
    return packets.pkesk_key_id(data[packet.body_start : min(packet.end, packet.body_start + 40)])


def _message(data: bytes) -> _Message:
    """Session key packets, then one encrypted data packet, then nothing."""
    keys: list[Packet] = []
    for packet in packets.walk(data, MAX_SESSION_KEYS + 1):
        if packet.tag in {packets.PKESK, packets.SKESK}:
            keys.append(packet)
        elif packet.tag in packets.ENCRYPTED and keys and packet.end == len(data):
            return _Message(keys, packet)
        else:
            break
    raise OpenPgpError("not session keys and one encrypted packet")


def key_ids(data: bytes) -> frozenset[str]:
    """Return what the session keys of an encrypted message are for: key ids, and `session_key.PASSWORD`.

    Raises `Doubtful` where something in it is not as good as random, or where it has too many passwords.
    """
    message = _message(data)
    keys = [_session_key(packets.body(data, packet), packet.tag) for packet in message.keys]
    if sum(key.key_id == session_key.PASSWORD for key in keys) > MAX_PASSWORDS:
        raise Doubtful(Doubt.FORM)
    names = b"".join(dict.fromkeys(key.names for key in keys))
    material = (b"".join(dict.fromkeys(some)) for some in zip_longest(*(key.material for key in keys), fillvalue=b""))
    if not all(map(is_random, (names, *material, _ciphertext(data, message.encrypted)))):
        raise Doubtful(Doubt.READABLE)
    return frozenset(key.key_id for key in keys)


def _session_key(body: bytes, tag: int) -> SessionKey:
    return session_key.public_key(body) if tag == packets.PKESK else session_key.password(body)


def _ciphertext(data: bytes, packet: Packet) -> bytes:
    """What is random in an encrypted packet, its version and algorithms left out."""
    body = packets.body(data, packet)
    if len(body) < MIN_ENCRYPTED or body[:1] not in _VERSIONS.get(packet.tag, {body[:1]}):
        raise OpenPgpError("an encrypted packet that is too short, or of an unknown version")
    second_version = packet.tag == packets.SEIPD and body[0] == 2
    return body[_FIXED[packet.tag] + 3 * second_version :]
