"""Pick-ups as administrators see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from relay.admin import pickup
from relay.model import Address
from relay.model.pickup import Pickup, PickupState
from relay.store import Store

OPEN = Pickup(
    "1" * 32,
    b"d",
    Address("b@there.example"),
    Address("a@here.example"),
    1.0,
    9e9,
    9,
    b"p" * 32,
    state=PickupState.ACTIVE,
)


async def test_one_that_nobody_can_open_any_more_was_told_as_active_until_the_relay_had_noted_its_end(
    tmp_path: Path,
) -> None:
    over = replace(OPEN, id="2" * 32, transaction=b"e", expires=2.0)
    gone = replace(over, id="3" * 32, transaction=b"f", state=PickupState.WITHDRAWN)
    async with await Store.open(tmp_path / "store.db") as store:
        for one in (OPEN, over, gone):
            await store.pickups.put(one)
        states = {one.id: one.state for one in await pickup.listed(store, ended=True)}
        shown = await pickup.found(store, over.id[: pickup.SHORTEST])
        waiting = await pickup.listed(store)
    expected = {OPEN.id: PickupState.ACTIVE, over.id: PickupState.EXPIRED, gone.id: PickupState.WITHDRAWN}
    assert states == expected
    assert shown.state is PickupState.EXPIRED
    assert [one.id for one in waiting] == [OPEN.id]
