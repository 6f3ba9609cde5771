"""What the store promises of pick-ups; codes given beforehand are opened by one folder alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from lab.gnupghome import gnupg_home

from relay.model import Address
from relay.model.errors import EngineError
from relay.model.pickup import Pickup, PickupState
from relay.openpgp import secret_files
from relay.openpgp.vault import FOLDER, Vault
from relay.store import Store

ONE = Pickup("1" * 32, b"digest", Address("Bob@there.example"), Address("a@here.example"), 1.0, 9e9, 9, b"p" * 32)
CODE = "abeille-moulin-tomate-girafe-violon-tulipe"


@pytest.fixture
async def store(place: str) -> AsyncIterator[Store]:
    async with await Store.open(place) as opened:
        yield opened


async def test_an_attempt_finds_what_an_earlier_one_has_made(store: Store) -> None:
    await store.pickups.put(ONE)
    assert await store.pickups.of(b"digest", Address("bob@there.example")) == ONE
    assert await store.pickups.of(b"another", ONE.recipient) is None
    await store.pickups.activate(ONE)
    assert await store.pickups.of(b"digest", ONE.recipient) == replace(ONE, state=PickupState.ACTIVE)
    await store.pickups.change(ONE.id, state=PickupState.WITHDRAWN.value)
    assert await store.pickups.of(b"digest", ONE.recipient) is None
    assert await store.pickups.all() == [replace(ONE, state=PickupState.WITHDRAWN)]


async def test_it_is_opened_once(store: Store) -> None:
    await store.pickups.put(replace(ONE, state=PickupState.ACTIVE))
    assert [await store.pickups.unread(at) for at in (5.0, 9e9)] == [1, 0]
    assert [await store.pickups.mark_opened(ONE.id, at) for at in (5.0, 6.0)] == [True, False]
    assert (await store.pickups.get(ONE.id) or ONE).opened == 5.0
    assert await store.pickups.unread(5.0) == 0


async def test_a_code_given_beforehand_counts_until_it_is_used_or_over(store: Store) -> None:
    for code, expires in ((b"old", 9e9), (b"new", 9e9)):
        await store.pickups.set_preset(ONE.recipient, code, expires)
    assert await store.pickups.preset(ONE.recipient) == b"new"
    await store.pickups.put(ONE)
    await store.pickups.activate(ONE)
    assert await store.pickups.preset(ONE.recipient) is None
    await store.pickups.set_preset(ONE.recipient, b"over", 1.0)
    assert await store.pickups.preset(ONE.recipient) is None


async def test_a_stored_code_is_opened_with_the_secret_of_its_folder_alone() -> None:
    with gnupg_home() as home, gnupg_home() as other:
        closed = await Vault(home).close(CODE)
        assert CODE.encode() not in closed
        assert await Vault(home).open(closed) == CODE
        (file,) = (home / FOLDER).iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        with pytest.raises(EngineError):
            await Vault(other).open(closed)
        assert not (other / FOLDER).exists()
        (other / FOLDER).mkdir()
        (other / FOLDER / file.name).write_text("cut")
        with pytest.raises(EngineError):
            await Vault(other).open(closed)


async def test_a_code_of_either_of_two_nodes_is_opened_by_both_once_each_has_the_others_secret() -> None:
    with gnupg_home() as home, gnupg_home() as other:
        closed = [await Vault(each).close(CODE) for each in (home, other)]
        for one, another in ((home, other), (other, home)):
            secret_files.write(another, secret_files.read(one, secret_files.names(one)))
        for each in (home, other):
            assert [await Vault(each).open(one) for one in closed] == [CODE, CODE]
