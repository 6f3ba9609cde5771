"""Changes of own certificates stand in the trace also where the command fails after some of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from lab.configs import config

from relay.admin import own
from relay.config import Config
from relay.model import Address
from relay.model.errors import EngineError
from relay.model.key_change import KeyChange
from relay.model.own import OwnKey, OwnSubkey
from relay.own.certificates import Lifetimes, OwnCertificates
from relay.store import Selection, Store

DESK, MARTIN = Address("accueil@hopital.example"), Address("dr.martin@hopital.example")


def key(address: Address, name: str) -> OwnKey:
    return OwnKey(address, name * 40, name.encode(), (OwnSubkey(name, 1, 2, name),), 1)


class Maker:
    """Makes certificates, and cannot forget one; the real ones are in the contract suite."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def make(self, addresses: Sequence[Address], _: float) -> list[OwnKey]:
        await self.store.own_keys.put([key(MARTIN, "C")])  # another process is faster
        return [key(address, name) for address, name in zip(addresses, "AB", strict=True)]

    async def forget(self, _: OwnSubkey) -> None:
        raise EngineError("the disk cannot be written")


async def test_who_made_a_certificate_was_not_told_where_another_one_could_not_be_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build(_: Config, store: Store) -> OwnCertificates:
        return OwnCertificates(store.own_keys, Maker(store), ["hopital.example"], Lifetimes(1, 1, 1))  # type: ignore[arg-type]  # the methods that adding calls

    monkeypatch.setattr(own, "build_certificates", build)
    settings = config(tmp_path, keyring=str(tmp_path), own={"domains": ["hopital.example"]})
    async with await Store.open(tmp_path / "s.db") as store:
        with pytest.raises(EngineError):
            await own.add(settings, store, [DESK, MARTIN], "cli:root", listed=True)
        changes = [KeyChange.of(row) async for row in store.trace.select(Selection(keys=True))]
    assert (changes[0].actor, changes[0].address, changes[0].new) == ("cli:root", DESK.key, "A" * 40)
