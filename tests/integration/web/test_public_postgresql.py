"""Two processes of `web public` on one PostgreSQL: what one is given, both show; away, it is 503 and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.postgresql import PostgreSQL, one_server
from lab.public import WebPublic
from lab.waiting import wait_for

from relay.model.public import EventKind, ObjectKind, PublicObject
from relay.store.public import PublicStore

NAME = "hopital.example/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q"
CERTIFICATE = bytes(range(256))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with one_server() as running:
        yield running


@pytest.fixture(scope="module")
def pair(server: PostgreSQL) -> Iterator[tuple[WebPublic, WebPublic]]:
    with WebPublic() as one, WebPublic() as other:
        for web in (one, other):
            channel = f"unix:{web.socket}"
            settings = {"public": f"127.0.0.1:{web.http}", "public_database": server.url, "channel": channel}
            web.configure({**web.settings, "web": settings})
            web.start()
        yield one, other


async def test_what_one_is_given_both_show_and_events_of_both_are_told_once(
    pair: tuple[WebPublic, WebPublic], server: PostgreSQL
) -> None:
    one, other = pair
    first, second = one.channel(), other.channel()
    try:
        await first.put(PublicObject(ObjectKind.CERTIFICATES, NAME, CERTIFICATE))
        await first.put(PublicObject(ObjectKind.PICKUP, "a", b"x", 1_950_000_000, active=False, proof=b"p" * 32))
        assert await second.activate(ObjectKind.PICKUP, "a")
        assert [facts.active async for facts in first.objects(ObjectKind.PICKUP)] == [True]
        assert [await each.count(ObjectKind.CERTIFICATES) for each in (first, second)] == [1, 1]
        for web in pair:
            assert web.ask(f"/.well-known/openpgpkey/{NAME}").body == CERTIFICATE

        async with await PublicStore.open(server.url) as store:
            for _ in range(2):
                await store.events.add(EventKind.OPENED, "a", once=True)
            await store.events.add(EventKind.KEY, "a@b.example", b"\x00\xff")
        opened, key = await first.events()
        assert (opened.kind, key.kind) == (EventKind.OPENED, EventKind.KEY)
        assert await second.octets(key) == b"\x00\xff"
        await second.done(key)
        assert await first.events(opened.number) == []
        assert await second.remove(ObjectKind.PICKUP, "a")
        assert not await first.remove(ObjectKind.PICKUP, "a")
    finally:
        await first.close()
        await second.close()


def test_while_the_database_is_away_it_is_503_and_then_it_is_back(
    pair: tuple[WebPublic, WebPublic], server: PostgreSQL
) -> None:
    web = pair[0]
    server.stop("immediate")
    assert web.ask("/healthz").status == 503
    assert web.ask("/.well-known/openpgpkey/another.example/policy").status == 503
    server.start()
    wait_for(lambda: web.ask("/healthz").status == 200, "back")
    assert web.ask(f"/.well-known/openpgpkey/{NAME}").body == CERTIFICATE
