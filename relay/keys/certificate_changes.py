"""Changes of stored certificates: those that come at the same time share a transaction. Raises `StoreError`."""

from __future__ import annotations

from collections.abc import Sequence

from relay.model import Entry
from relay.store import Batch, Certificates

_Change = tuple[Entry, int | None]
"""What to store, and the version of the row that it was made from; None: there was none."""


class CertificateChanges:
    """Writes what was made from a row, unless that row has changed since."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._batch: Batch[_Change, bool] = Batch(self._store)

    async def store(self, entry: Entry, version: int | None) -> bool:
        """Store what was made from this version of its row; False where another process came in between."""
        return await self._batch.do((entry, version))

    async def _store(self, changes: Sequence[_Change]) -> list[bool]:
        """One transaction; of several changes of one certificate the first, the others are to be made anew."""
        first: dict[str, _Change] = {}
        for change in changes:
            first.setdefault(change[0].certificate.fingerprint, change)
        known = {fingerprint: version for fingerprint, (_, version) in first.items() if version is not None}
        outdated = await self._certificates.upsert([entry for entry, _ in first.values()], known)
        left = {entry.certificate.fingerprint for entry in outdated}
        return [
            first[entry.certificate.fingerprint][0] is entry and entry.certificate.fingerprint not in left
            for entry, _ in changes
        ]
