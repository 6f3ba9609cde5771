"""Sends our own mails to correspondents about their keys: signed by our key, with the null sender, as notices are sent.

No rule of the policy applies to them. Raises `EngineError`, `NotEncrypted` and `NextHopError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.mail.hidden_recipients import NOBODY
from relay.model import Address, Certificate, Envelope, Inbound, Recipient, Reply, Signer
from relay.model.errors import AddressError
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.grouping import Group
from relay.pipeline.ports import Outlet
from relay.process.pool import Document
from relay.smtp.message_ids import new_id


@dataclass(frozen=True, slots=True)
class ServiceMail:
    """Sends our own mails to correspondents."""

    encryptor: Encryptor
    signer: Callable[[], Awaitable[Signer | None]]
    outlet: Outlet

    async def send(self, to: Address, content: bytes, certificate: Certificate | None = None) -> Reply:
        """Send a mail, encrypted to the certificate, or without one signed cleartext. Returns the next hop's reply."""
        options = () if to.is_ascii else ("SMTPUTF8",)
        envelope = Envelope(None, (Recipient(to, ("NOTIFY=NEVER",)),), options)
        inbound = _inbound(envelope, content)
        certificates = ((certificate,),) if certificate else ()
        signer = await self.signer()
        group = Group((0,), certificates, NOBODY, signer, protect_subject=certificate is not None)
        with Document(content) as document:
            message = await self.encryptor.make(inbound, group, document)
        (reply,) = await self.outlet.send(envelope, message.content)
        return reply


def reachable(text: str, own_domains: frozenset[str]) -> Address | None:
    """The address, or None where we must not write to it: an own one, or one that hosts read in different ways."""
    try:
        address = Address(text)
    except AddressError:
        return None
    odd = address.ambiguous or address.nameless or not address.text.isprintable()
    return None if odd or address.domain in own_domains else address


def _inbound(envelope: Envelope, content: bytes) -> Inbound:
    """The mail as if it had come in."""
    return Inbound(
        new_id(), envelope, content, datetime.now(UTC), "127.0.0.1", "enrolment", "HTTP", single_answer=False
    )
