"""Step 2, second half: who wrote it, where that is sure, and so what signs for the mail and which key it announces.

An own address signs with its own key where envelope and From name it alone, the client is one of ours, and the mail did
not come in from outside. Any other mail is signed as the section `sign` says. Raises `StoreError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from relay.mail import autocrypt
from relay.mail.author import author as author_of
from relay.mail.certificate_parts import without_subkeys
from relay.mail.headers import Field, Head
from relay.mail.received import Network, came_from_outside, stands_within
from relay.model import Address, Inbound, Signer
from relay.pipeline.ports import OwnSenders

Signers = Callable[[Address | None], str | None]
"""The fingerprint of the configured secret key that signs for a sender; None: none does."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """The Autocrypt field that a mail gets, with its author's own key."""

    line: bytes
    author: Address
    on_clear: bool = False
    """Mail that is not encrypted gets it too."""

    def among(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """The fields of a header with it."""
        return autocrypt.placed(fields, self.line, self.author)


@dataclass(frozen=True, slots=True)
class Author:
    """Who signs a mail, and the key that it announces for its author (`Autocrypt`)."""

    signer: Signer | None = None
    """None: nothing signs."""
    announcement: Announcement | None = None


NOBODY = Author()
"""The author for whom nothing is signed or announced."""


@dataclass(frozen=True, slots=True)
class Authors:
    """Finds them. Without `own` the configured keys alone sign."""

    signers: Signers = lambda _sender: None
    own: OwnSenders | None = None
    inside: tuple[Network, ...] = ()
    """The networks of clients whose mail an own key signs."""
    announced: bool = False
    announced_on_clear: bool = False

    async def of(self, inbound: Inbound, head: Head) -> Author:
        """Who signs this mail, and which key it announces."""
        address = self.sender(inbound, head) if self.own else None
        key = await self.own.key(address) if self.own and address else None
        if key is None or address is None:
            fingerprint = self.signers(inbound.envelope.sender)
            return Author(Signer(fingerprint)) if fingerprint else NOBODY
        line = autocrypt.field(address, key.data, key.subkeys[-1].fingerprint) if self.announced else b""
        announcement = Announcement(line, address, self.announced_on_clear) if line else None
        decrypting = frozenset(subkey.fingerprint for subkey in key.subkeys)
        return Author(Signer(key.fingerprint, without_subkeys(key.data, decrypting)), announcement)

    def sender(self, inbound: Inbound, head: Head) -> Address | None:
        """The address whose own key would sign; None where it is not certain who wrote the mail."""
        sender = inbound.envelope.sender
        author = author_of(head)
        if sender is None or author != sender or sender.ambiguous or not stands_within(inbound.client, self.inside):
            return None
        return None if came_from_outside(head, self.inside) else author
