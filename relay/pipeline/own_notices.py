"""The relay's own notices to people outside: on the outgoing way no rule applies to them.

A notice is known there by its octets, which were written into the ledger before it was sent: its body has 128 random
bits, so nobody else can write the same mail. It is accepted only from the null sender and for its one recipient. No
header field makes a mail a notice. Raises `StoreError`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from relay.mail import headers
from relay.model import Address
from relay.pipeline.ports import Ledger
from relay.pipeline.transaction import Transaction

REGISTERED = "<notice>"
"""In the ledger; no address holds a `<`."""
LARGEST = 1_000_000
"""Octets: a notice is smaller."""


@dataclass(frozen=True, slots=True)
class OwnNotices:
    """The relay's own notices that are under way."""

    ledger: Ledger

    async def announce(self, content: bytes, recipient: Address) -> None:
        """Note in the ledger that a mail with this content, for this recipient, is our own notice."""
        await self.ledger.record(_digest(content, recipient), (REGISTERED,))

    async def among(self, transaction: Transaction) -> frozenset[int]:
        """The recipients for whom this mail is our own notice."""
        inbound = transaction.inbound
        if inbound.envelope.sender is not None or len(inbound.content) > LARGEST:
            return frozenset()
        mine = {index: _digest(inbound.content, transaction.recipients[index].address) for index in transaction.open}
        return frozenset({i for i, digest in mine.items() if REGISTERED in await self.ledger.served(digest)})


def _digest(content: bytes, recipient: Address) -> bytes:
    body = content[headers.split(content).body_start :]
    return hashlib.sha256(b"notice\0" + recipient.key.encode("utf-8", "surrogatepass") + b"\0" + body).digest()
