"""An encrypted OpenPGP message as its packets: session keys, then one packet with integrity protection, and no more.

RFC 9580 section 10.3, read by allow list. Marker and padding packets may stand in front. A packet without integrity
protection (section 5.7) is never opened: who can change it can have its content sent elsewhere (EFAIL).
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.mail import packets
from relay.mail.packets import Packet
from relay.model.errors import OpenPgpError
from relay.model.opened import Reason

MOST_PACKETS = 10_000
HIDDEN = "0" * 16

_ESK = frozenset({packets.PKESK, packets.SKESK})
_IGNORED = frozenset({packets.MARKER, packets.PADDING})


@dataclass(frozen=True, slots=True)
class EncryptedMessage:
    """The parts of an encrypted message."""

    octets: bytes
    session_keys: tuple[tuple[str, Packet], ...]
    """Each PKESK packet of a known version behind the key id that it names (`HIDDEN`: nobody's)."""
    data: Packet
    """The SEIPD packet."""

    @property
    def key_ids(self) -> frozenset[str]:
        """Those that it names."""
        return frozenset(key_id for key_id, _ in self.session_keys) - {HIDDEN}

    @property
    def hidden(self) -> bool:
        """Whether one session key names nobody."""
        return any(key_id == HIDDEN for key_id, _ in self.session_keys)


def read(octets: bytes) -> EncryptedMessage | Reason:
    """The message in these octets, or why it stays closed."""
    try:
        found = [one for one in packets.walk(octets, MOST_PACKETS) if one.tag not in _IGNORED]
    except OpenPgpError:
        return Reason.DAMAGED
    if not found or found[-1].end != len(octets):
        return Reason.DAMAGED
    *session_keys, data = found
    if any(one.tag not in _ESK for one in session_keys):
        return Reason.DAMAGED
    if data.tag == packets.SED:
        return Reason.NO_INTEGRITY
    if data.tag != packets.SEIPD or data.end == data.body_start or octets[data.body_start] not in {1, 2}:
        return Reason.DAMAGED
    return EncryptedMessage(octets, tuple(_named(octets, session_keys)), data)


def _named(octets: bytes, session_keys: list[Packet]) -> list[tuple[str, Packet]]:
    named = []
    for one in session_keys:
        if one.tag == packets.PKESK:
            try:
                named.append((packets.pkesk_key_id(packets.body(octets, one)), one))
            except OpenPgpError:
                continue  # of a version that none of our keys takes
    return named
