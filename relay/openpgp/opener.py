"""Opening mail that came in encrypted to one of our own addresses: `ports.Opener`, whichever engine.

The packets are walked here, by allow list (`relay.mail.encrypted_message`, `relay.mail.signed_message`): which key may
open it, that one packet with integrity protection holds all of it, and that exactly one literal packet is in it. No
program is relied on for that: GnuPG reports a message with two literal packets as decrypted, and prints damaged text
before it reports the damage. The engines differ in two things only: where the secret keys are (`SharedSecrets`), and
what verifies signatures (`Verifier`). Content is bounded while it is decompressed, and returned only if all of it was
verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from relay.mail import cleartext_signed, encrypted_message, packets, signed_message
from relay.mail.encrypted_message import HIDDEN, EncryptedMessage
from relay.mail.packets import Packet
from relay.mail.signed_message import SignedMessage
from relay.model import Certificate
from relay.model.errors import EngineError, OpenPgpError
from relay.model.opened import Closed, Entitled, Opened, Reason, Signature
from relay.model.own import OwnKey, OwnSubkey
from relay.openpgp import ecdh
from relay.openpgp.encrypted_data import SessionKey, decrypted
from relay.openpgp.judged_signatures import Verifier, judged

MOST_TRIALS = 200
"""Pairs of a hidden recipient and an own subkey that are tried."""

Candidate = tuple[OwnSubkey, Packet]


class SharedSecrets(Protocol):
    """Where the secret parts of encryption subkeys are."""

    async def shared(self, subkey: OwnSubkey, point: bytes) -> bytes:
        """X25519 of this subkey's secret part and a sender's point.

        Raises `EngineError`, `EngineTimeout`; `OpenPgpError` for a point that gives no secret.
        """


class OwnOpener:
    """Opens for who is entitled; `most` is how many octets a mail may have."""

    def __init__(self, secrets: SharedSecrets, verifier: Verifier, most: int) -> None:
        self._secrets = secrets
        self._verifier = verifier
        self._most = most

    async def open(self, message: bytes, entitled: Entitled, signers: Sequence[Certificate]) -> Opened | Closed:
        """The content of an encrypted message."""
        found = encrypted_message.read(message)
        if isinstance(found, Reason):
            return Closed(found)
        session_key = await self._session_key(found, entitled)
        if isinstance(session_key, Reason):
            return Closed(session_key)
        try:
            clear = decrypted(packets.body(message, found.data), session_key)
        except OpenPgpError:
            return Closed(Reason.DAMAGED)
        most = signed_message.bound(len(message), self._most)
        del message, found  # they may be large
        read = signed_message.read(clear, most)
        del clear
        return await self._judged(read, signers)

    async def verify(self, content: bytes, signature: bytes, signers: Sequence[Certificate]) -> tuple[Signature, ...]:
        """The detached signatures over `content`."""
        try:
            signatures = cleartext_signed.detached(signature)
        except OpenPgpError:
            return ()
        return await judged(SignedMessage(content, signatures), signers, self._verifier)

    async def read_signed(self, message: bytes, signers: Sequence[Certificate]) -> Opened | Closed:
        """The content of a message that is only signed."""
        if len(message) > self._most:
            return Closed(Reason.TOO_LARGE)
        if cleartext_signed.begins(message):
            return await self._judged(cleartext_signed.read(message), signers)
        return await self._judged(signed_message.read(message, signed_message.bound(len(message), self._most)), signers)

    async def _judged(self, found: SignedMessage | Reason, signers: Sequence[Certificate]) -> Opened | Closed:
        if isinstance(found, Reason):
            return Closed(found)
        if len(found.content) > self._most:
            return Closed(Reason.TOO_LARGE)
        return Opened(found.content, await judged(found, signers, self._verifier))

    async def _session_key(self, message: EncryptedMessage, entitled: Entitled) -> SessionKey | Reason:
        named = list(_named(message, entitled))
        for subkey, packet in named or _hidden(message, entitled):
            try:
                return await self._unwrapped(subkey, packets.body(message.octets, packet))
            except OpenPgpError:
                continue
        if named:
            return Reason.DAMAGED
        return Reason.NO_KEY if message.key_ids.isdisjoint(entitled.others) else Reason.NOT_ENTITLED

    async def _unwrapped(self, subkey: OwnSubkey, body: bytes) -> SessionKey:
        wrapped = ecdh.wrapped(body)
        try:
            public = ecdh.subkey(subkey.public)
        except OpenPgpError as error:
            raise EngineError("an own encryption subkey that cannot be read") from error
        return ecdh.session_key(wrapped, await self._secrets.shared(subkey, wrapped.point), public)


def _named(message: EncryptedMessage, entitled: Entitled) -> Iterator[Candidate]:
    subkeys = {one.key_id: one for one in _live((*entitled.own, *entitled.allowed), entitled)}
    for key_id, packet in message.session_keys:
        if key_id in subkeys:
            yield subkeys[key_id], packet


def _hidden(message: EncryptedMessage, entitled: Entitled) -> list[Candidate]:
    """With the recipient's own keys only: otherwise a sender could find out which other keys open the mail."""
    hidden = [packet for key_id, packet in message.session_keys if key_id == HIDDEN]
    return [(subkey, packet) for packet in hidden for subkey in _live(entitled.own, entitled)][:MOST_TRIALS]


def _live(keys: Iterable[OwnKey], entitled: Entitled) -> Iterator[OwnSubkey]:
    for key in keys:
        yield from (one for one in key.subkeys if one.fingerprint not in entitled.deleted)
