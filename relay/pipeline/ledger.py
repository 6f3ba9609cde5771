"""The ledger as the pipeline uses it: rows that cannot be written are kept in memory.

Promises that a recipient once served in a transaction is not served again by this process, even where the store breaks
between the next hop's 250 and the row. While rows wait to be written, every new transaction waits too: `open` raises.
And no other process begins with a transaction whose rows wait: its lock is released when they are written.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from relay.model import Address, Envelope
from relay.model.errors import StoreError
from relay.model.ledger_key import names_of, told
from relay.pipeline.ports import Ledger
from relay.pipeline.transaction_lock import TransactionLocks


def digest(envelope: Envelope, content: bytes, way: bytes = b"") -> bytes:
    """What identifies a transaction over all its retries: its sender and its octets, and which way it goes."""
    sender = (envelope.sender.text if envelope.sender else "").encode("utf-8", "surrogateescape")
    hashed = hashlib.sha256(len(sender).to_bytes(4) + sender)
    hashed.update(content)
    hashed.update(way)
    return hashed.digest()


class BufferedLedger:
    """A ledger with what the store has not taken yet; `locks` keep attempts at one transaction apart."""

    def __init__(self, ledger: Ledger, locks: TransactionLocks) -> None:
        self._ledger = ledger
        self._locks = locks
        self._unwritten: defaultdict[bytes, set[str]] = defaultdict(set)
        self._over: set[bytes] = set()
        """Transactions whose attempt is over, and which are locked until their rows are written."""

    async def prove(self) -> None:
        """The store takes rows now. Raises `StoreError`."""
        await self._ledger.forget(b"", ("",))  # nobody's: a write that changes nothing

    async def open(self, digest: bytes) -> LedgerEntry:
        """The entry of this transaction, once no other attempt has it.

        Raises `StoreError`: then nobody may be served now; `TimeoutError` where another attempt goes on too long.
        """
        if digest in self._over:
            await self.write_rest()
        served = await self._locks.acquire(digest)
        try:
            if served is None or self._unwritten:
                await self.write_rest()
                served = await self._ledger.served(digest)
            return LedgerEntry(self, digest, served)
        except BaseException:
            self.close(digest)
            raise

    def holds(self, digest: bytes) -> bool:
        """Whether no other attempt can have it now."""
        return self._locks.holds(digest)

    def close(self, digest: bytes) -> None:
        """Release the transaction, so that another attempt may begin: now, or as soon as its rows are written."""
        if digest in self._unwritten:
            self._over.add(digest)
            self._locks.keep(digest)
        else:
            self._locks.release(digest)

    async def record(self, digest: bytes, keys: Sequence[str]) -> bool:
        """Write these down; False if that has to wait until the store works again."""
        if not self._unwritten:  # else the store is away, and each try may wait long for a lock
            with suppress(StoreError):
                await self._ledger.record(digest, keys)
                return True
        self._unwritten[digest].update(keys)
        return False

    async def forget(self, digest: bytes, keys: Sequence[str]) -> None:
        """Delete these, who have their final answer. Raises `StoreError`; a row that stays is deleted later."""
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
            if digest in self._over:
                self._over.remove(digest)
                self._locks.release(digest)


class LedgerEntry:
    """What one attempt knows and writes of its transaction; no other attempt has it until `close`."""

    def __init__(self, ledger: BufferedLedger, digest: bytes, known: frozenset[str]) -> None:
        self.known = known
        """What was written by earlier attempts."""
        self._ledger = ledger
        self.digest = digest
        self._recorded: set[str] = set()

    @property
    def has_rows(self) -> bool:
        """Whether anything is written down of it."""
        return bool(self.known or self._recorded)

    def is_served(self, address: Address) -> bool:
        """Whether an earlier attempt has noted this recipient as served."""
        return not self.known.isdisjoint(names_of(address))

    def is_told(self, address: Address) -> bool:
        """Whether an earlier attempt has noted that the sender knows: the mail waits for this recipient."""
        return not self.known.isdisjoint(map(told, names_of(address)))

    def is_ours(self) -> bool:
        """Whether no other attempt can have begun; otherwise nothing more may be handed over."""
        return self._ledger.holds(self.digest)

    async def record(self, keys: Iterable[str]) -> int:
        """Write down those that are not written yet; returns how many of them have to wait for the store."""
        new = [key for key in keys if key not in self.known and key not in self._recorded]
        if not new:
            return 0
        self._recorded.update(new)
        return 0 if await self._ledger.record(self.digest, new) else len(new)

    async def forget(self, keys: Iterable[str]) -> None:
        """Delete those that are written down. Raises `StoreError`."""
        if rows := sorted({*keys} & (self.known | self._recorded)):
            await self._ledger.forget(self.digest, rows)

    def close(self) -> None:
        """The attempt is over."""
        self._ledger.close(self.digest)
