"""The link to the public web service: events that fail keep nothing else waiting; publishing holds nothing up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from relay.channel.client import Channel
from relay.daemon import public_link
from relay.daemon.public_link import RETRY, STUCK, Postponed, PublicLink
from relay.model.errors import ChannelError, EngineError
from relay.model.public import EventKind, PublicEvent
from relay.store import Store


class Service:
    """What the other end does, without a connection."""

    def __init__(self, *kinds: EventKind) -> None:
        self.waiting = {number: PublicEvent(number, kind, "a@b.example", 1, 3) for number, kind in enumerate(kinds, 1)}
        self.closed = False

    async def events(self, after: int = 0) -> list[PublicEvent]:
        return [event for number, event in self.waiting.items() if number > after][:2]

    async def octets(self, event: PublicEvent) -> bytes | None:
        return b"abc" if event.number in self.waiting else None

    async def done(self, event: PublicEvent) -> None:
        del self.waiting[event.number]

    async def close(self) -> None:
        self.closed = True


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Handler:
    """Fails for as long as it has faults."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.taken: list[int] = []

    async def __call__(self, event: PublicEvent, octets: bytes) -> None:
        assert octets == b"abc"
        if self.faults and event.number == 1:
            raise self.faults.pop()
        self.taken.append(event.number)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "store.db") as opened:
        yield opened


def linked(service: Service, handler: Handler, store: Store, clock: Clock, *publishers: Any) -> PublicLink:  # noqa: ANN401  any publisher
    return PublicLink(cast("Channel", service), publishers, {EventKind.KEY: handler}, store.leases, clock)


@pytest.mark.parametrize(
    ("fault", "seconds"), [(EngineError("it is away"), RETRY), (KeyError("kanarienvogel7"), STUCK)]
)
async def test_an_event_that_fails_is_tried_again_later_and_the_others_are_taken(
    store: Store, fault: Exception, seconds: float
) -> None:
    service, handler, clock = Service(*[EventKind.KEY] * 5), Handler(fault), Clock()
    link = linked(service, handler, store, clock)

    for _ in range(3):
        await link.round()
    assert (handler.taken, list(service.waiting)) == ([2, 3, 4, 5], [1])
    clock.now += seconds
    await link.round()
    assert (handler.taken, list(service.waiting)) == ([2, 3, 4, 5, 1], [])


async def test_an_event_that_is_postponed_is_tried_again_and_is_no_fault(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    service, handler, clock = Service(*[EventKind.KEY] * 2), Handler(Postponed("later")), Clock()
    link = linked(service, handler, store, clock)
    await link.round()
    assert (handler.taken, list(service.waiting)) == ([2], [1])
    clock.now += STUCK
    await link.round()
    assert (handler.taken, list(service.waiting)) == ([2, 1], [])
    assert "failed" not in capsys.readouterr().out


async def test_what_nobody_takes_is_dropped(store: Store) -> None:
    service, handler = Service(EventKind.ANSWER, EventKind.KEY), Handler()
    await linked(service, handler, store, Clock()).round()
    assert (handler.taken, service.waiting) == ([2], {})


async def test_while_another_process_takes_events_this_one_leaves_them(store: Store) -> None:
    service, handler = Service(EventKind.KEY), Handler()
    link = linked(service, handler, store, Clock())
    assert await store.leases.take(public_link.DUTY, 60)
    await link.round()
    assert handler.taken == []
    await store.leases.done(public_link.DUTY, 0.0)
    await link.round()
    assert handler.taken == [1]


async def test_a_round_outlasted_its_lease_and_another_process_began_the_same_events(store: Store) -> None:
    clock = Clock()

    class Slow(Handler):
        async def __call__(self, event: PublicEvent, octets: bytes) -> None:
            await super().__call__(event, octets)
            clock.now += 10

    service, handler = Service(*[EventKind.KEY] * 31), Slow()
    link = linked(service, handler, store, clock)
    await link.round()
    assert clock.now - Clock.now < public_link.LEASE
    while service.waiting:
        await link.round()
    assert handler.taken == list(range(1, 32))


async def test_events_are_taken_while_very_much_is_published(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_link, "PATIENCE", 0.01)
    begun = 0

    async def publish(_channel: Channel) -> None:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    service, handler = Service(EventKind.KEY), Handler()
    link = linked(service, handler, store, Clock(), publish)
    await link.round()
    await link.round()
    assert (handler.taken, begun) == ([1], 1)
    await link.close()
    assert service.closed


async def test_a_fault_of_publishing_is_the_rounds_and_it_is_tried_again(store: Store) -> None:
    faults = [ChannelError("it is away")]

    async def publish(_channel: Channel) -> None:
        if faults:
            raise faults.pop()

    service, handler = Service(EventKind.KEY), Handler()
    link = linked(service, handler, store, Clock(), publish)
    with pytest.raises(ChannelError):
        await link.round()
    await link.round()
    assert handler.taken == [1]


async def test_whatever_goes_wrong_in_a_round_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_link, "EVERY", 0.001)
    monkeypatch.setattr(public_link, "AGAIN", 0.001)
    rounds = 0

    class Link:
        async def round(self) -> None:
            nonlocal rounds
            rounds += 1
            raise (ChannelError("away") if rounds % 2 else KeyError("kanarienvogel7"))

    task = asyncio.create_task(public_link.keep_linked(lambda: cast("PublicLink", Link())))
    async with asyncio.timeout(20):
        while rounds < 6:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_service_that_tells_events_without_end_kept_the_relay_at_it(store: Store) -> None:
    """Taken over, it told the same one again and again, or ever more; and each that failed was remembered for ever."""

    class Endless(Service):
        def __init__(self, step: int) -> None:
            super().__init__()
            self.step, self.asked = step, 0

        async def events(self, after: int = 0) -> list[PublicEvent]:
            del after
            self.asked += 1
            number = 7 + self.step * self.asked
            self.waiting = {number: PublicEvent(number, EventKind.KEY, "a@b.example", 1, 3)}
            return list(self.waiting.values())

    for step, most in ((0, 2), (1, public_link.MOST_PAGES)):
        service = Endless(step)
        async with asyncio.timeout(20):
            await linked(service, Handler(), store, Clock()).round()
        assert service.asked <= most


async def test_what_failed_and_is_not_told_any_more_is_forgotten(store: Store) -> None:
    service, handler, clock = Service(EventKind.KEY), Handler(KeyError("x"), KeyError("x")), Clock()
    link = linked(service, handler, store, clock)
    await link.round()
    (event,) = service.waiting.values()
    service.waiting.clear()
    await link.round()
    service.waiting[event.number] = event
    handler.faults.clear()
    await link.round()
    assert handler.taken == [event.number], "it is not known as one that failed"
