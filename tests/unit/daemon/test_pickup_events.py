"""What the public service tells of readers, which may be false: it was taken over, or its clock is wrong."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.daemon.pickup_events import PickupEvents
from relay.mail.notice_texts import Language
from relay.mail.pickup_answer import Answers
from relay.model import Address
from relay.model.pickup import Pickup, PickupState
from relay.model.public import EventKind, PublicEvent
from relay.store import Store

TOKEN = b"token"
NOW = time.time()
ONE = Pickup(
    id="1" * 32,
    transaction=b"digest",
    recipient=Address("bob@there.example"),
    sender=Address("a@here.example"),
    created=NOW - 60,
    expires=NOW + 9e6,
    size=9,
    proof=hashlib.sha256(TOKEN).digest(),
)


@pytest.mark.parametrize("told", [(1 << 63) - 1, 0, int(NOW) + 9_000_000])
async def test_a_time_that_no_calendar_has_broke_every_list_of_pickups(tmp_path: Path, told: int) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.pickups.put(replace(ONE, state=PickupState.ACTIVE))
        answers = Answers(Address("pickup@page.example"), Language.FR)
        events = PickupEvents(store.pickups, store.trace, None, answers)
        await events.opened(PublicEvent(1, EventKind.OPENED, ONE.id, told, len(TOKEN)), TOKEN)
        found = await store.pickups.get(ONE.id)
    assert found
    assert found.opened is not None
    assert ONE.created <= found.opened <= time.time()
    assert datetime.fromtimestamp(found.opened, UTC).year == datetime.fromtimestamp(NOW, UTC).year
