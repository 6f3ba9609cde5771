"""Stored certificates that are read again: what becomes of them where that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lab.sources import Notary, key, read

from relay.keys.current import CurrentCertificates
from relay.model import Address, Certificate, Entry, Origin, Unreadable
from relay.model.errors import EngineError, StoreError
from relay.store import Store

BOB = "bob@ville.example"


class Software(Notary):
    """Reads every certificate, unless it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.times = 0

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        if self.fails:
            raise EngineError("gpg did not finish in time")
        self.times += 1
        return await super().examine(blobs)


async def test_a_key_that_could_be_read_by_now_was_unusable_until_the_next_start_because_gpg_had_failed_once(
    tmp_path: Path,
) -> None:
    software = Software()
    async with await Store.open(tmp_path / "s.db") as store:
        unread = replace(read(key(1, BOB)), fault="GnuPG breaks off when it reads this key.")
        await store.certificates.upsert([Entry(unread, Origin.IMPORTED, 0)], {unread.fingerprint: None})
        current = CurrentCertificates(store.certificates, software, {4})
        software.fails = True
        for _ in range(2):
            with pytest.raises(StoreError):
                await current.by_address(Address(BOB))
        software.fails = False
        for _ in range(2):
            (entry,) = await current.by_address(Address(BOB))
            assert not entry.certificate.fault
        assert software.times == 1
