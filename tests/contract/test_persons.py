"""Persons of the console in the store: links, logins, roles, and approvals that wait for a second person.

On SQLite and on PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack

import pytest

from relay.model.console import Role, Way
from relay.model.key_change import KeyChange
from relay.store import Network, Selection, Store
from relay.store.approvals import LASTS

DAY = 86400.0
EVERYBODY = tuple(Role)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Opened = Callable[[], Awaitable[Store]]


@pytest.fixture
async def opened(place: str, clock: Clock) -> AsyncIterator[Opened]:
    """Opens the same store again and again."""
    async with AsyncExitStack() as stack:

        async def one() -> Store:
            return await stack.enter_async_context(await Store.open(place, clock=clock, network=Network("alpha")))

        yield one


@pytest.fixture
async def store(opened: Opened) -> Store:
    return await opened()


async def told(store: Store) -> list[tuple[str, str, str]]:
    rows = [KeyChange.of(record) async for record in store.trace.select(Selection(keys=True))]
    assert (await store.trace.verify()).holds
    return [(each.actor, each.address, each.reason) for each in rows]


async def test_a_link_is_good_once_and_for_its_time(store: Store, clock: Clock) -> None:
    assert await store.persons.invite("anne", Role.DESK, "link", clock.now + 60, "cli:root")
    assert not await store.persons.invite("Anne", Role.ADMIN, "other", clock.now + 60, "cli:root"), "the name is taken"
    assert not await store.persons.invite("bob", None, "other", clock.now + 60, "cli:root"), "nobody has that name"
    known = await store.persons.invited("link")
    assert known
    assert (known.person.name, known.person.enrolled) == ("anne", False)
    assert await store.persons.enrolled("link")
    assert await store.persons.invited("link") is None
    assert not await store.persons.enrolled("link")
    assert await store.persons.invite("ANNE", None, "again", clock.now + 60, "cli:root")
    again = await store.persons.invited("again")
    assert again
    assert again.generation != known.generation
    assert not again.person.enrolled
    clock.now += 61
    assert await store.persons.invited("again") is None
    assert not await store.persons.enrolled("again")
    assert await told(store) == [
        ("cli:root", "console:anne", "user added: desk"),
        ("console:anne", "console:anne", "user enrolled"),
        ("cli:root", "console:ANNE", "user reset"),
    ]


async def test_a_login_is_one_persons_and_a_name_is_not_taken_over(store: Store) -> None:
    await store.persons.invite("anne", Role.KEYS, "link", 2e6, "cli:root")
    assert await store.persons.met(Way.OIDC, "sub-1", "Anne", Role.ADMIN) is None, "the provider's anne may be another"
    assert await store.persons.link("anne", Way.OIDC, "sub-1", "cli:root")
    met = await store.persons.met(Way.OIDC, "sub-1", "anne", Role.ADMIN)
    assert met
    assert met.person.role is Role.KEYS, "an administrator gave the role"
    assert met.person.logins == ((Way.OIDC, "sub-1"),)
    await store.persons.invite("bruno", Role.KEYS, "other", 2e6, "cli:root")
    assert not await store.persons.link("bruno", Way.OIDC, "sub-1", "cli:root"), "it is anne's"
    assert not await store.persons.unlink("bruno", Way.OIDC, "sub-1", "cli:root")
    assert await store.persons.unlink("anne", Way.OIDC, "sub-1", "cli:root")
    assert await store.persons.of_login(Way.OIDC, "sub-1") is None


@pytest.mark.parametrize(("way", "sessions"), [(Way.LDAP, 1), (Way.OIDC, 1), (Way.SUDO, 0)])
async def test_a_session_of_a_login_that_was_unlinked_counted_again_once_it_was_linked_again(
    store: Store, way: Way, sessions: int
) -> None:
    await store.persons.invite("anne", Role.KEYS, "token", 2_000_000.0, "root")
    await store.persons.link("anne", way, "a", "root")
    before = await store.persons.of_login(way, "a")
    assert await store.persons.unlink("anne", way, "a", "root")
    await store.persons.link("anne", way, "a", "root")
    after = await store.persons.of_login(way, "a")
    assert before
    assert after
    assert after.ended - before.ended == sessions


async def test_the_role_of_who_came_by_a_group_follows_it(store: Store) -> None:
    first = await store.persons.met(Way.LDAP, "uid=carla", "carla", Role.DESK)
    assert first
    assert not first.person.enrolled
    then = await store.persons.met(Way.LDAP, "uid=carla", "carla", Role.KEYS)
    assert then
    assert (then.person.role, then.generation) == (Role.KEYS, first.generation)
    assert await told(store) == [
        ("ldap", "console:carla", "user added: desk, ldap uid=carla"),
        ("ldap", "console:carla", "role changed: keys"),
    ]


async def agree(store: Store, person: str, roles: Collection[Role] = EVERYBODY, digest: bytes = b"d") -> str:
    return await store.approvals.agree(digest, person, roles, "approve A", f"console:{person}")


@pytest.fixture
async def both(store: Store) -> None:
    for name in ("anne", "bruno"):
        await store.persons.invite(name, Role.KEYS, name, 2e6, "cli:root")


@pytest.mark.usefixtures("both")
async def test_two_persons_agree_and_one_twice_does_not(store: Store) -> None:
    assert await agree(store, "anne") == ""
    assert await agree(store, "anne") == "", "the same person again"
    assert await agree(store, "bruno", digest=b"other") == "", "of something else"
    assert await store.approvals.given(b"d", EVERYBODY) == "anne"
    assert await agree(store, "bruno") == "anne"
    assert await agree(store, "bruno") == "", "the first approval is used up"
    assert [row for row in await told(store) if row[1] == "approve A"] == [
        ("console:anne", "approve A", "waits for a second person"),
        ("console:bruno", "approve A", "waits for a second person"),
        ("console:bruno", "approve A", "second approval, the first was anne's"),
        ("console:bruno", "approve A", "waits for a second person"),
    ]


@pytest.mark.usefixtures("both")
async def test_two_who_ask_at_the_same_moment_are_a_first_and_a_second(opened: Opened) -> None:
    for number in range(5):
        two = [await opened() for _ in range(2)]
        digest = b"%d" % number
        asked = [agree(each, name, digest=digest) for each, name in zip(two, ("anne", "bruno"), strict=True)]
        assert sorted(await asyncio.gather(*asked)) in (["", "anne"], ["", "bruno"])


@pytest.mark.usefixtures("both")
async def test_an_approval_ends_after_a_day(store: Store, clock: Clock) -> None:
    await agree(store, "anne")
    clock.now += LASTS
    assert await store.approvals.given(b"d", EVERYBODY) == ""
    assert await agree(store, "bruno") == ""


@pytest.mark.usefixtures("both")
async def test_the_approval_of_who_may_no_more_does_not_count(store: Store) -> None:
    await agree(store, "anne")
    await store.persons.enable("anne", "cli:root", enabled=False)
    assert await agree(store, "bruno") == ""
    assert await agree(store, "bruno", (Role.ADMIN,)) == "", "nor of who has not the role now"
