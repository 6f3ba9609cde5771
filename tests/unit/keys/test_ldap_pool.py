"""How sessions are kept, lent and ended."""

from __future__ import annotations

import asyncio

import pytest

from relay.keys.ldap import pool
from relay.keys.ldap.pool import Pool, Session
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.model import Address, Lookup, NotFound
from relay.model.errors import ConfigError

SPACE = KeySpace("ldap/site", ("ou=people",), "siteKey", "(mail={address})", None)


class Wire:
    """A connection that remembers how it ended."""

    def __init__(self) -> None:
        self.killed = False
        self.reaped = asyncio.Event()

    def kill(self) -> None:
        self.killed = True

    async def reap(self) -> None:
        assert self.killed
        self.reaped.set()


class Opened:
    """Opens sessions, and knows them all."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []

    async def __call__(self) -> Session:
        wire = Wire()
        self.wires.append(wire)
        return Session(wire, SPACE, asyncio.get_running_loop().time())  # type: ignore[arg-type] # it has what a pool uses


async def nothing(_session: Session) -> None:
    await asyncio.sleep(0)


async def broken(_session: Session) -> None:
    raise Unavailable(Reason.BROKEN)


async def test_no_more_sessions_than_its_size_are_open() -> None:
    opened = Opened()
    sessions = Pool(opened, size=3)
    await asyncio.gather(*(sessions.run(nothing) for _ in range(20)))
    assert len(opened.wires) == 3
    await sessions.close()
    assert all(wire.reaped.is_set() for wire in opened.wires)


async def test_a_session_that_idles_is_ended() -> None:
    opened = Opened()
    sessions = Pool(opened, idle=0.01)
    await sessions.run(nothing)
    await opened.wires[0].reaped.wait()
    await sessions.run(nothing)
    assert len(opened.wires) == 2
    await sessions.close()


async def test_an_old_session_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_AGE", -1.0)
    opened = Opened()
    sessions = Pool(opened)
    await sessions.run(nothing)
    await sessions.run(nothing)
    assert [wire.killed for wire in opened.wires] == [True, True]
    await sessions.close()


async def test_a_kept_session_that_broke_is_replaced_once_and_a_new_one_is_not() -> None:
    opened = Opened()
    sessions = Pool(opened)
    await sessions.run(nothing)
    with pytest.raises(Unavailable):
        await sessions.run(broken)
    assert [wire.killed for wire in opened.wires] == [True, True]
    await sessions.close()


async def test_a_session_used_while_the_pool_closes_is_ended_after_its_work() -> None:
    opened, go = Opened(), asyncio.Event()

    async def waits(_session: Session) -> None:
        await go.wait()

    sessions = Pool(opened)
    work = asyncio.create_task(sessions.run(waits))
    await asyncio.sleep(0)
    await sessions.close()
    go.set()
    await work
    assert opened.wires[0].killed


async def test_without_a_server_nothing_is_known() -> None:
    class NoExaminer:
        async def examine(self, blobs: object) -> list[Lookup]:
            raise AssertionError(blobs)

        async def merge(self, known: bytes, news: bytes) -> Lookup:
            raise AssertionError(known, news)

    source = Ldap([], NoExaminer())  # type: ignore[arg-type] # never asked
    assert source.name == "ldap"
    assert await source.lookup(Address("bob@example.org")) == NotFound("ldap")
    assert await source.by_fingerprint("0" * 40) == NotFound("ldap")


def test_without_bonsai_the_configuration_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pgp-relay\[ldap\]"):
        Ldap([Server("ldap://directory.example")], None)  # type: ignore[arg-type] # never asked
