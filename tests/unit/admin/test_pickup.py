"""Pick-ups as administrators see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lab.configs import config
from lab.gnupghome import gnupg_home

from relay.admin import pickup
from relay.model import Address
from relay.model.errors import PickupError
from relay.model.pickup import Pickup, PickupState
from relay.store import Store
from relay.store.trace_rows import Selection

PAGE = {"url": "https://courrier.hopital.example"}
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


async def test_nobody_could_say_who_had_made_a_code_that_opens_the_next_mail(tmp_path: Path) -> None:
    with gnupg_home() as home:
        settings = config(tmp_path, keyring=str(home), pickup=PAGE, web={"public": "127.0.0.1:8080"})
        async with await Store.open(tmp_path / "store.db") as store:
            made = await pickup.preset(settings, store, OPEN.recipient, 60.0, "cli:anne")
            (row,) = [row async for row in store.trace.select(Selection(keys=True))]
    assert (row.sender, row.recipient, row.reason) == (
        "cli:anne",
        OPEN.recipient.text,
        "code made to be given beforehand",
    )
    assert made.code not in repr(row)


async def test_a_code_was_made_where_no_mail_becomes_a_pickup(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "store.db") as store:
        with pytest.raises(PickupError, match=r"pickup\.url is null"):
            await pickup.preset(config(tmp_path), store, OPEN.recipient, 60.0, "cli:anne")
        assert await store.pickups.preset(OPEN.recipient) is None
