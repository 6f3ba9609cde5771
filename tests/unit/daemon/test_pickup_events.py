"""What the public service tells of readers, which may be false: it was taken over, or its clock is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from relay.daemon import pickup_events
from relay.daemon.pickup_events import DAY, MOST_ANSWERS, PickupEvents
from relay.daemon.public_link import Postponed
from relay.mail.notice_texts import Language
from relay.mail.pickup_answer import Answers
from relay.model import Address, Inbound, Reply
from relay.model.errors import NextHopError
from relay.model.pickup import PICKED_UP, Pickup, PickupState
from relay.model.public import EventKind, PublicEvent
from relay.pipeline.incoming import IncomingPipeline
from relay.store import Store

TOKEN = b"token"
NOW = 1_800_000_000.0
ONE = Pickup(
    id="1" * 32,
    transaction=b"digest",
    recipient=Address("bob@there.example"),
    sender=Address("a@here.example"),
    created=NOW - 60,
    expires=NOW + 9e6,
    size=9,
    proof=hashlib.sha256(TOKEN).digest(),
    state=PickupState.ACTIVE,
)


@dataclass
class Way:
    """Stands for the incoming way: takes every mail, and keeps its octets."""

    taken: list[bytes] = field(default_factory=list)

    def begin(self, mail: Inbound) -> Way:
        self.taken.append(mail.content)
        return self

    async def replies(self) -> tuple[Reply, ...]:
        return (Reply(250, "2.0.0", "Ok"),)

    async def settle(self, *, delivered: bool) -> None:
        assert not delivered


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "s.db") as opened:
        await opened.pickups.put(ONE)
        yield opened


def handling(store: Store, now: float, way: Way | None = None) -> PickupEvents:
    answers = Answers(Address("pickup@page.example"), Language.FR)
    return PickupEvents(store.pickups, store.trace, cast("IncomingPipeline | None", way), answers, lambda: now)


@pytest.mark.parametrize("told", [(1 << 63) - 1, 0, int(NOW) + 9_000_000])
async def test_a_time_that_no_calendar_has_broke_every_list_of_pickups(store: Store, told: int) -> None:
    await handling(store, NOW).opened(PublicEvent(1, EventKind.OPENED, ONE.id, told, len(TOKEN)), TOKEN)
    found = await store.pickups.get(ONE.id)
    assert found
    assert found.opened is not None
    assert ONE.created <= found.opened <= NOW


@pytest.mark.parametrize("ended", [PickupState.WITHDRAWN, PickupState.EXPIRED])
async def test_one_that_was_opened_just_before_its_end_was_told_as_never_opened(
    store: Store, ended: PickupState
) -> None:
    """Whoever withdraws a mail after a wrong address has to know whether it was read."""
    await store.pickups.change(ONE.id, state=ended.value)
    await handling(store, NOW).opened(PublicEvent(1, EventKind.OPENED, ONE.id, int(NOW) - 5, len(TOKEN)), TOKEN)
    found = await store.pickups.get(ONE.id)
    assert found
    assert (found.state, found.opened) == (ended, NOW - 5)
    assert [row.action async for row in store.trace.select()] == [PICKED_UP]


async def test_one_that_nobody_was_told_of_is_not_opened(store: Store) -> None:
    await store.pickups.put(replace(ONE, state=PickupState.INACTIVE))
    await handling(store, NOW).opened(PublicEvent(1, EventKind.OPENED, ONE.id, int(NOW) - 5, len(TOKEN)), TOKEN)
    assert (await store.pickups.get(ONE.id) or ONE).opened is None


@pytest.mark.parametrize("told", [int(NOW) + 30, (1 << 63) - 1, 0])
async def test_an_answer_told_twice_by_a_service_whose_clock_is_ahead_came_twice(store: Store, told: int) -> None:
    """Its octets were others at each try, so the ledger did not know it again."""
    way, event = Way(), PublicEvent(1, EventKind.ANSWER, ONE.id, told, 3)
    for now in (NOW, NOW + 7):
        await handling(store, now, way).answered(event, b"abc")
    first, second = way.taken
    assert first == second


async def test_the_date_of_an_answer_is_when_it_was_written(store: Store) -> None:
    way = Way()
    event = PublicEvent(1, EventKind.ANSWER, ONE.id, int(NOW) - 30, 3)
    await handling(store, NOW, way).answered(event, b"abc")
    await handling(store, NOW, way).answered(replace(event, time=int(NOW) - 20), b"abc")
    dates = [next(line for line in mail.splitlines() if line.startswith(b"Date: ")) for mail in way.taken]
    assert dates == [b"Date: Fri, 15 Jan 2027 07:59:30 +0000", b"Date: Fri, 15 Jan 2027 07:59:40 +0000"]


async def answers(store: Store, way: Way, now: float, one: Pickup = ONE, most: int = 1000) -> int:
    """How many are handed over before the rest has to wait."""
    before = len(way.taken)
    for number in range(most):
        try:
            await handling(store, now, way).answered(PublicEvent(number, EventKind.ANSWER, one.id, number, 3), b"abc")
        except Postponed:
            break
    return len(way.taken) - before


async def test_a_service_that_was_taken_over_sent_answers_without_end(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    way = Way()
    assert await answers(store, way, NOW) == MOST_ANSWERS
    assert await answers(store, way, NOW) == 0
    assert capsys.readouterr().out.count("pickup_answers_limited") == 1
    assert await answers(store, way, NOW + DAY) == MOST_ANSWERS, "what waits is handed over then"


@pytest.mark.parametrize(
    ("bound", "of_another"),
    [
        ("MOST_OF_SENDER", replace(ONE, id="3" * 32, sender=Address("b@here.example"))),
        ("MOST_OF_READER", replace(ONE, id="3" * 32, recipient=Address("other@there.example"))),
    ],
)
async def test_one_reader_or_one_sender_of_many_pickups_used_up_the_answers_of_others(
    bound: str, of_another: Pickup, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickup_events, bound, MOST_ANSWERS + 5)
    way, second = Way(), replace(ONE, id="2" * 32)
    for one in (second, of_another):
        await store.pickups.put(one)
    handed = [await answers(store, way, NOW, one) for one in (ONE, second, of_another)]
    assert handed == [MOST_ANSWERS, 5, MOST_ANSWERS]


async def test_nodes_whose_clocks_differ_at_midnight_began_to_count_anew_in_turns_without_end(store: Store) -> None:
    way, midnight = Way(), (NOW // DAY + 1) * DAY
    handed = [await answers(store, way, now) for _ in range(3) for now in (midnight - 30, midnight + 30)]
    assert handed == [MOST_ANSWERS, MOST_ANSWERS, 0, 0, 0, 0]
    assert await answers(store, way, midnight + DAY + 60) == MOST_ANSWERS


async def test_an_answer_that_cannot_be_delivered_now_does_not_count(store: Store) -> None:
    class Full(Way):
        async def replies(self) -> tuple[Reply, ...]:
            return (Reply(451, "4.4.1", "Not now"),)

    event = PublicEvent(1, EventKind.ANSWER, ONE.id, int(NOW), 3)
    for _ in range(MOST_ANSWERS + 1):
        with pytest.raises(NextHopError):
            await handling(store, NOW, Full()).answered(event, b"abc")
    assert await answers(store, Way(), NOW) == MOST_ANSWERS
