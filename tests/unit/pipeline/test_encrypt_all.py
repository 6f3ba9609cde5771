"""Bounds of what is made of one mail."""

from __future__ import annotations

from lab.fakes import FakeEngine, certificate, inbound

from relay.pipeline.encrypt import Protector
from relay.pipeline.encrypt_all import MADE_WITHIN, Maker, Room
from relay.pipeline.grouping import Parcel
from relay.pipeline.transaction import Course

ADDRESSES = [f"r{i}@there.example" for i in range(10)]


def bench(octets: int) -> tuple[Maker, Course, list[Parcel], FakeEngine]:
    engine = FakeEngine()
    maker = Maker(Protector(engine, lambda _sender: None, "relay.example"), room=Room(octets))
    parcels = [Parcel((i,), (certificate(address, i + 1),)) for i, address in enumerate(ADDRESSES)]
    return maker, Course(inbound(*ADDRESSES, content=b"x" * 1000)), parcels, engine


async def test_copies_beyond_the_room_wait_for_the_next_attempt() -> None:
    maker, course, parcels, engine = bench(3000)
    with maker.room.share() as share:
        made = await maker.make_all(course, parcels, share)
        assert maker.room.free == 0
    assert maker.room.free == 3000
    assert [parcel.recipients for parcel, _ in made] == [(0,), (1,), (2,)]
    assert len(engine.payloads) == 3
    assert {i: (r.code, r.enhanced) for i, r in course.replies.items()} == dict.fromkeys(range(3, 10), (452, "4.5.3"))


async def test_there_is_room_for_one_message_whatever_the_others_take() -> None:
    maker, course, parcels, _ = bench(0)
    with maker.room.share() as share:
        made = await maker.make_all(course, parcels, share)
    assert len(made) == 1


async def test_what_takes_too_long_to_make_waits_for_the_next_attempt() -> None:
    maker, course, parcels, engine = bench(10**6)
    course.began -= MADE_WITHIN + 1
    with maker.room.share() as share:
        assert not await maker.make_all(course, parcels, share)
    assert not engine.payloads
    assert {reply.code for reply in course.final_replies()} == {451}
