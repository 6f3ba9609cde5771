from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from relay.model import Address
from relay.model.own import OwnKey, OwnSubkey
from relay.store import Store

DOCTOR = Address("dr.martin@hopital.example")
NURSE = Address("ide@hopital.example")


@pytest.fixture
async def store(place: str) -> AsyncIterator[Store]:
    async with await Store.open(place) as opened:
        yield opened


def subkey(number: int) -> OwnSubkey:
    return OwnSubkey(f"{number:040X}", 1_800_000_000, 1_900_000_000, f"{number:040x}".upper())


def key(address: Address, *numbers: int) -> OwnKey:
    return OwnKey(address, "A" * 40, b"\x98", tuple(map(subkey, numbers)), 1_800_000_000)


async def test_a_message_names_whose_keys_open_it(store: Store) -> None:
    await store.own_keys.put([key(DOCTOR, 1, 2), key(NURSE, 3)])

    assert await store.own_keys.named([subkey(2).key_id, subkey(3).key_id, "F" * 16]) == [
        key(DOCTOR, 1, 2),
        key(NURSE, 3),
    ]
    assert await store.own_keys.named([]) == []


async def test_what_is_replaced_or_dropped_is_named_no_more(store: Store) -> None:
    await store.own_keys.put([key(DOCTOR, 1), key(NURSE, 3)])
    await store.own_keys.put([replace(key(DOCTOR, 1, 2), listed=False)])
    await store.own_keys.drop(NURSE)

    assert [one.address for one in await store.own_keys.named([subkey(1).key_id, subkey(2).key_id])] == [DOCTOR]
    assert await store.own_keys.named([subkey(3).key_id]) == []


async def test_the_first_certificate_of_an_address_is_named_and_a_later_one_is_not(store: Store) -> None:
    assert await store.own_keys.put_first([key(DOCTOR, 1)]) == [key(DOCTOR, 1)]
    assert await store.own_keys.put_first([key(DOCTOR, 2), key(NURSE, 3)]) == [key(DOCTOR, 1), key(NURSE, 3)]

    named = await store.own_keys.named([subkey(number).key_id for number in (1, 2, 3)])
    assert named == [key(DOCTOR, 1), key(NURSE, 3)]
