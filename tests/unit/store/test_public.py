"""The public service's database: what is shown, what waits, what is bounded, and that what is removed is gone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from relay.model.errors import Crowded
from relay.model.public import EventKind, ObjectKind, PublicObject
from relay.store.public import PublicStore
from relay.store.public_events import MOST
from relay.store.public_schema import tables

PICKUP = ObjectKind.PICKUP


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[PublicStore]:
    async with await PublicStore.open(tmp_path / "public.db", clock=clock) as opened:
        yield opened


def _shape(connection: Connection) -> dict[str, set[tuple[str, bool]]]:
    found = inspect(connection)
    return {
        name: {(str(c["name"]), bool(c["nullable"])) for c in found.get_columns(name)}
        for name in found.get_table_names()
    }


def _with_canary(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if b"kanarienvogel7" in file.read_bytes()]


async def test_the_steps_make_what_the_tables_say(store: PublicStore) -> None:
    expected = {name: {(c.name, bool(c.nullable)) for c in table.columns} for name, table in tables.tables.items()}
    assert await store.database.read(_shape) == expected


async def test_an_object_is_shown_once_it_is_active_and_until_it_ends(store: PublicStore, clock: Clock) -> None:
    one = PublicObject(PICKUP, "abc", b"ciphertext", int(clock.now) + 60, active=False, proof=b"p" * 32)
    await store.objects.put(one)
    assert await store.objects.shown(PICKUP, "abc") is None
    assert await store.objects.facts(PICKUP, "abc") is None
    assert [facts.id for facts in await store.objects.listed(PICKUP, "", 10)] == ["abc"]

    assert await store.objects.activate(PICKUP, "abc")
    shown = await store.objects.shown(PICKUP, "abc")
    assert shown == PublicObject(PICKUP, "abc", b"ciphertext", one.expires, active=True, proof=one.proof)
    assert await store.objects.shown(ObjectKind.CERTIFICATES, "abc") is None, "kinds are apart"

    clock.now += 60
    assert await store.objects.shown(PICKUP, "abc") is None
    assert await store.objects.expire(PICKUP, "abc", int(clock.now) + 5)
    assert await store.objects.shown(PICKUP, "abc")
    assert not await store.objects.activate(PICKUP, "another")
    assert not await store.objects.expire(PICKUP, "another", None)


async def test_a_second_object_takes_the_place_of_the_first(store: PublicStore) -> None:
    for octets in (b"first", b"second"):
        await store.objects.put(PublicObject(PICKUP, "abc", octets))
    shown = await store.objects.shown(PICKUP, "abc")
    assert shown
    assert shown.octets == b"second"
    assert await store.objects.remove(PICKUP, "abc")
    assert not await store.objects.remove(PICKUP, "abc")


async def test_pages_of_a_list_follow_each_other(store: PublicStore) -> None:
    names = [f"hopital.example/hu/{number:03}" for number in range(25)]
    for name in names:
        await store.objects.put(PublicObject(ObjectKind.CERTIFICATES, name, b"x"))
    found: list[str] = []
    while page := await store.objects.listed(ObjectKind.CERTIFICATES, found[-1] if found else "", 10):
        found += [facts.id for facts in page]
    assert found == names


async def test_what_was_removed_or_has_expired_stands_in_no_file(
    store: PublicStore, clock: Clock, tmp_path: Path
) -> None:
    word = b"kanarienvogel7 " * 2000
    await store.objects.put(PublicObject(PICKUP, "removed", word))
    await store.objects.put(PublicObject(PICKUP, "expires", word, int(clock.now) + 1))
    await store.events.add(EventKind.ANSWER, "removed", word)
    assert _with_canary(tmp_path)

    await store.objects.remove(PICKUP, "removed")
    (event,) = await store.events.since(0, 10)
    await store.events.remove(event.number)
    clock.now += 2
    await store.clean()

    assert await store.objects.listed(PICKUP, "", 10) == []
    assert _with_canary(tmp_path) == []


async def test_events_wait_in_their_order_until_they_are_taken_and_no_number_comes_twice(store: PublicStore) -> None:
    await store.events.add(EventKind.KEY, "a@b.example", b"key")
    await store.events.add(EventKind.CONFIRMED, "abc")
    first, second = await store.events.since(0, 10)
    assert (first.kind, first.about, first.size, second.kind) == (EventKind.KEY, "a@b.example", 3, EventKind.CONFIRMED)
    assert await store.events.octets(first.number) == b"key"
    assert [event.number for event in await store.events.since(first.number, 10)] == [second.number]

    assert await store.events.remove(second.number)
    assert not await store.events.remove(second.number)
    assert await store.events.octets(second.number) is None
    await store.events.add(EventKind.OPENED, "abc")
    assert (await store.events.since(first.number, 10))[0].number > second.number


async def test_what_is_told_twice_waits_once(store: PublicStore) -> None:
    for _ in range(3):
        await store.events.add(EventKind.OPENED, "abc", once=True)
    await store.events.add(EventKind.OPENED, "other", once=True)
    assert len(await store.events.since(0, 10)) == 2


async def test_one_kind_of_event_fills_up_and_no_other_is_kept_out(
    store: PublicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.public_events.MOST", {**MOST, EventKind.KEY: (3, 100)})
    for _ in range(2):
        await store.events.add(EventKind.KEY, "a@b.example", b"x" * 40)
    with pytest.raises(Crowded):
        await store.events.add(EventKind.KEY, "a@b.example", b"x" * 40)
    await store.events.add(EventKind.KEY, "a@b.example", b"x")
    with pytest.raises(Crowded):
        await store.events.add(EventKind.KEY, "a@b.example", b"")
    await store.events.add(EventKind.ANSWER, "abc", b"x" * 40)
    assert len(await store.events.since(0, 10)) == 4


async def test_the_reader_of_one_pick_up_kept_the_readers_of_others_from_answering(
    store: PublicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose clinician's mailbox is full: answers wait, and nobody else's found room."""
    monkeypatch.setattr("relay.store.public_events.MOST_ANSWERS", (2, 100))
    for _ in range(2):
        await store.events.add(EventKind.ANSWER, "abc", b"x" * 10)
    with pytest.raises(Crowded):
        await store.events.add(EventKind.ANSWER, "abc", b"x")
    await store.events.add(EventKind.ANSWER, "other", b"x" * 90)
    with pytest.raises(Crowded):
        await store.events.add(EventKind.ANSWER, "other", b"x" * 20)
    assert len(await store.events.since(0, 10)) == 3


async def test_one_reader_of_many_pickups_left_no_room_for_the_answers_of_others(
    store: PublicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their answers waited, and nobody else's were taken until the next day."""
    monkeypatch.setattr("relay.store.public_events.MOST", {**MOST, EventKind.ANSWER: (100, 6400)})
    monkeypatch.setattr("relay.store.public_events.MOST_ANSWERS", (20, 1000))
    taken = 0
    for pickup in range(25):
        for _ in range(30):
            with contextlib.suppress(Crowded):
                await store.events.add(EventKind.ANSWER, f"theirs{pickup}", b"x")
                taken += 1
    assert taken == 50 + 22, "half of the room, and one to each of those of which none waited"
    await store.events.add(EventKind.ANSWER, "other", b"x" * 90)
    with pytest.raises(Crowded):
        await store.events.add(EventKind.ANSWER, "other", b"x")
    with pytest.raises(Crowded):
        await store.events.add(EventKind.ANSWER, "another", b"x" * 200)
    await store.events.add(EventKind.KEY, "a@b.example", b"x" * 4000)
