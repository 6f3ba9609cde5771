"""The ledger as the pipeline uses it: what could not be written down is at least remembered.

Promises that a recipient once served in a transaction is not served again by this process, even where the
store breaks in the very moment between the next hop's 250 and the row (DESIGN promise 3). While rows wait to be
written, every new transaction waits too: `known` raises.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from relay.model import Envelope
from relay.model.errors import StoreError
from relay.pipeline.ports import Ledger
from relay.pipeline.transaction_lock import TransactionLocks


def digest(envelope: Envelope, content: bytes) -> bytes:
    """What names a transaction over all its retries: its sender and its octets."""
    sender = (envelope.sender.text if envelope.sender else "").encode("utf-8", "surrogateescape")
    hashed = hashlib.sha256(len(sender).to_bytes(4) + sender)
    hashed.update(content)
    return hashed.digest()


class BufferedLedger:
    """A ledger over a ledger; `turns` keeps attempts at one transaction apart."""

    def __init__(self, ledger: Ledger, locks: TransactionLocks) -> None:
        self._ledger = ledger
        self.locks = locks
        self._unwritten: defaultdict[bytes, set[str]] = defaultdict(set)

    async def prove(self) -> None:
        """The store takes rows now. Raises `StoreError`."""
        await self._ledger.forget(b"", ("",))  # nobody's: a write that changes nothing

    async def known(self, digest: bytes) -> frozenset[str]:
        """Who is served already. Raises `StoreError`: then nobody may be served now."""
        await self.write_rest()
        return await self._ledger.served(digest)

    async def record(self, digest: bytes, keys: Sequence[str]) -> bool:
        """Write down; False where that has to wait for the store to come back."""
        if not self._unwritten:  # else the store is away, and each try may wait long for a lock
            with suppress(StoreError):
                await self._ledger.record(digest, keys)
                return True
        self._unwritten[digest].update(keys)
        return False

    async def forget(self, digest: bytes, keys: Sequence[str]) -> None:
        """They have their final answer. Raises `StoreError`; a row too many only lasts its five days."""
        self._drop(digest, keys)
        await self._ledger.forget(digest, keys)

    async def write_rest(self) -> None:
        """Write down what had to wait. Raises `StoreError`."""
        for digest, waiting in list(self._unwritten.items()):
            keys = sorted(waiting)
            await self._ledger.record(digest, keys)
            self._drop(digest, keys)

    def _drop(self, digest: bytes, keys: Sequence[str]) -> None:
        waiting = self._unwritten.get(digest, set())
        waiting.difference_update(keys)
        if not waiting:
            self._unwritten.pop(digest, None)
