"""What goes wrong between the relay and a directory: bounded, an outage, and the second server is asked."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from lab.badldap import (
    Handler,
    accepts_the_bind_then_half_an_entry,
    accepts_the_bind_then_never_stops,
    resets,
    says_nothing,
    talks_nonsense,
)
from lab.ports import closed_port
from lab.processes import command_of
from lab.slapd import ADMIN, PASSWORD, PEOPLE, Authority, Slapd
from lab.waiting import until

from relay.keys.ldap.connection import Connection
from relay.keys.ldap.directory import REST, Directory
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.model import Address, Lookup, NotFound, Outage
from relay.openpgp.examiner import GnuPGExaminer

pytestmark = pytest.mark.waits

pytest.importorskip("bonsai")

BOB = Address("bob@example.org")
NOBODY = NotFound("ldap", "ldap/site")
TIMEOUT = 2.0
"""Who spins, or stops the loop, for so long is told from a slow machine, which may take a good part of a second."""
PATIENT = 30.0
"""A server's timeout where something else is to end the lookup, on a busy machine too."""
LATE = 10.0
"""Seconds after a timeout that a busy machine may take."""


def site(url: str, *, timeout: float = PATIENT, starttls: bool = False, ca_file: Path | None = None) -> Server:
    ca = str(ca_file) if ca_file else None
    return Server(url, base=PEOPLE, filter="(mail={address})", timeout=timeout, starttls=starttls, ca_file=ca)


def secured(url: str, *, starttls: bool, ca_file: str | None) -> Server:
    """Where somebody logs in."""
    return Server(url, PEOPLE, starttls=starttls, ca_file=ca_file, bind_dn=ADMIN, password=PASSWORD, timeout=PATIENT)


@asynccontextmanager
async def asked(*servers: Server) -> AsyncIterator[Ldap]:
    source = Ldap(servers, GnuPGExaminer())
    try:
        yield source
    finally:
        await source.close()
        assert not workers()


async def answer(*servers: Server) -> Lookup:
    async with asked(*servers) as source:
        return await source.lookup(BOB)


def workers() -> list[str]:
    """The worker processes that run."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [child for child in children if "ldap.worker" in command_of(int(child))]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """A server that is no LDAP server; its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture(scope="module")
def good() -> Iterator[Slapd]:
    with Slapd() as running:
        running.add_root()
        yield running


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    made = Authority()
    yield made
    made.remove()


class Heartbeat:
    """Measures the longest time in which the event loop did nothing, and a thread beside it: that is the machine's."""

    def __init__(self) -> None:
        self._longest = {"loop": 0.0, "thread": 0.0}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_beside)

    @property
    def held_up(self) -> float:
        """The loop beyond the thread."""
        return self._longest["loop"] - self._longest["thread"]

    async def __aenter__(self) -> Self:
        self._thread.start()
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._over.set()
        self._thread.join()

    async def _beat(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            last = self._note("loop", last)

    def _beat_beside(self) -> None:
        last = time.monotonic()
        while not self._over.wait(0.01):
            last = self._note("thread", last)

    def _note(self, who: str, last: float) -> float:
        now = time.monotonic()
        self._longest[who] = max(self._longest[who], now - last)
        return now


async def test_a_closed_port_is_an_outage() -> None:
    for scheme in ("ldap", "ldaps"):
        with closed_port() as port:
            found = await answer(site(f"{scheme}://127.0.0.1:{port}", timeout=PATIENT))
        assert found == Outage("ldap", Reason.UNREACHABLE)


async def test_a_name_that_does_not_exist_is_an_outage() -> None:
    assert await answer(site("ldap://directory.invalid", timeout=PATIENT)) == Outage("ldap", Reason.UNREACHABLE)


@pytest.mark.parametrize(("scheme", "starttls"), [("ldap", False), ("ldap", True), ("ldaps", False)])
async def test_a_server_that_accepts_and_says_nothing_stops_neither_the_loop_nor_the_second_server(
    good: Slapd, scheme: str, *, starttls: bool
) -> None:
    async with listening(says_nothing) as port, Heartbeat() as heart:
        silent = site(f"{scheme}://127.0.0.1:{port}", timeout=TIMEOUT, starttls=starttls)
        started, cpu = time.monotonic(), time.process_time()
        assert await answer(silent) == Outage("ldap", Reason.TIMEOUT)
        assert TIMEOUT <= time.monotonic() - started < TIMEOUT + LATE
        assert time.process_time() - cpu < TIMEOUT / 2
        assert heart.held_up < TIMEOUT / 2
        assert await answer(silent, site(good.url)) == NOBODY


@pytest.mark.parametrize(
    ("handler", "limit", "reasons"),
    [
        (resets, PATIENT, {Reason.UNREACHABLE, Reason.BROKEN}),
        (talks_nonsense, 1.5, {Reason.UNREACHABLE, Reason.BROKEN, Reason.PROTOCOL, Reason.TIMEOUT}),
        (accepts_the_bind_then_never_stops, 1.5, {Reason.TIMEOUT, Reason.BROKEN, Reason.PROTOCOL, Reason.TOO_MUCH}),
        (accepts_the_bind_then_half_an_entry, 1.5, {Reason.TIMEOUT}),
    ],
)
async def test_a_server_out_of_its_mind_is_an_outage_in_bounded_time(
    handler: Handler, limit: float, reasons: set[Reason]
) -> None:
    async with listening(handler) as port:
        started = time.monotonic()
        found = await answer(site(f"ldap://127.0.0.1:{port}", timeout=limit))
        assert isinstance(found, Outage)
        assert found.reason in reasons
        assert time.monotonic() - started < 1.5 + LATE


async def test_a_frozen_server_in_the_middle_of_its_life_is_an_outage_and_comes_back(good: Slapd) -> None:
    async with asked(site(good.url, timeout=4)) as source:  # time to start a worker, too
        assert await source.lookup(BOB) == NOBODY
        good.freeze()
        try:
            assert await source.lookup(BOB) == Outage("ldap", Reason.TIMEOUT)
        finally:
            good.thaw()
        assert await source.lookup(BOB) == NOBODY


async def test_a_kept_connection_that_died_is_replaced_unseen() -> None:
    with Slapd() as running:
        running.add_root()
        async with asked(site(running.url)) as source:
            assert await asyncio.gather(*(source.lookup(BOB) for _ in range(4))) == [NOBODY] * 4
            running.stop()
            running.start()
            assert await source.lookup(BOB) == NOBODY
            running.stop()
            assert await source.lookup(BOB) == Outage("ldap", Reason.UNREACHABLE)
            running.start()
            assert await source.lookup(BOB) == NOBODY


async def test_the_second_server_is_asked_when_the_first_stops_and_an_outage_of_all_is_an_outage(good: Slapd) -> None:
    with Slapd() as first:
        first.add_root()
        async with asked(site(first.url), site(good.url)) as source:
            before = good.log.count("ACCEPT")
            assert await source.lookup(BOB) == NOBODY
            assert good.log.count("ACCEPT") == before
            first.stop()
            assert await source.lookup(BOB) == NOBODY
            assert good.log.count("ACCEPT") > before
        assert await answer(site(first.url), site(first.url)) == Outage("ldap", Reason.UNREACHABLE)


async def test_a_first_server_that_hangs_costs_its_timeout_once(good: Slapd) -> None:
    met: list[asyncio.StreamWriter] = []

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        await says_nothing(reader, writer)

    for timeout in (2, 20):  # a busy machine may take longer than the first to start a worker, and nobody is met
        async with (
            listening(hangs) as port,
            asked(site(f"ldap://127.0.0.1:{port}", timeout=timeout), site(good.url)) as source,
        ):
            assert await source.lookup(BOB) == NOBODY
            assert await asyncio.gather(*(source.lookup(BOB) for _ in range(10))) == [NOBODY] * 10
        if met:
            break
    assert len(met) == 1


async def test_a_server_that_failed_rests_and_then_one_lookup_tries_it_for_all(good: Slapd) -> None:
    now = 1000.0
    first = Directory(site(good.url), clock=lambda: now)
    assert not first.rests
    good.stop()
    with pytest.raises(Unavailable):
        await first.find(lambda space: space.address_searches(BOB))
    assert first.rests
    now += REST
    assert not first.rests
    good.start()
    trial = asyncio.create_task(first.find(lambda space: space.address_searches(BOB)))
    await asyncio.sleep(0)
    assert first.rests
    await trial
    assert not first.rests
    await first.close()


async def test_referrals_are_an_outage_and_never_followed() -> None:
    met: list[object] = []

    async def elsewhere(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        writer.close()

    async with listening(elsewhere) as port:
        there = f"ldap://127.0.0.1:{port}"
        with Slapd(settings=f"referral {there}") as running:
            running.add_root()
            for each in ("(mail={address})", None):
                server = Server(running.url, base="dc=elsewhere,dc=org", filter=each, timeout=PATIENT)
                assert await answer(server) == Outage("ldap", Reason.BASE)
            running.add(
                f"dn: ou=branch,{PEOPLE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: branch\n"
                f"ref: {there}/ou=branch,{PEOPLE}\n\n"
            )
            assert await answer(site(running.url)) == Outage("ldap", Reason.SUBORDINATE)
            branch = Server(running.url, base=f"ou=branch,{PEOPLE}", timeout=PATIENT)
            assert await answer(branch) == Outage("ldap", Reason.BASE)
    assert met == []


async def test_a_directory_without_gnupgs_schema_is_an_outage(good: Slapd) -> None:
    assert await answer(Server(good.url, timeout=PATIENT)) == Outage("ldap", Reason.SCHEMA)


@pytest.mark.parametrize("ldaps", [True, False])
async def test_tls_is_verified_and_nothing_is_sent_before(authority: Authority, *, ldaps: bool) -> None:
    stranger = Authority()
    with Slapd(certificate=authority.server("DNS:localhost,IP:127.0.0.1"), ldaps=ldaps) as running:
        running.add_root()

        def login(ca_file: Path | None) -> Server:
            ca = str(ca_file) if ca_file else None
            return secured(running.url, starttls=not ldaps, ca_file=ca)

        assert await answer(login(authority.file)) == NOBODY
        binds = running.log.count("BIND dn=")
        assert await answer(login(stranger.file)) == Outage("ldap", Reason.TLS)
        assert await answer(login(None)) == Outage("ldap", Reason.TLS)
        assert await answer(login(Path("/nonexistent/ca.pem"))) == Outage("ldap", Reason.TLS)
        assert running.log.count("BIND dn=") == binds
    stranger.remove()


@pytest.mark.parametrize("ldaps", [True, False])
async def test_a_certificate_for_another_name_is_an_outage(authority: Authority, *, ldaps: bool) -> None:
    with Slapd(certificate=authority.server("DNS:other.example"), ldaps=ldaps) as running:
        server = secured(running.url, starttls=not ldaps, ca_file=str(authority.file))
        assert await answer(server) == Outage("ldap", Reason.TLS)
        assert "BIND dn=" not in running.log


async def test_a_server_without_starttls_gets_no_password(good: Slapd, authority: Authority) -> None:
    before = len(good.log)
    server = secured(good.url, starttls=True, ca_file=str(authority.file))
    assert await answer(server) == Outage("ldap", Reason.TLS)
    assert "BIND dn=" not in good.log[before:]


async def test_the_systems_authorities_are_trusted_where_no_file_is_named(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with Slapd(certificate=authority.server("IP:127.0.0.1"), ldaps=True) as running:
        running.add_root()
        assert await answer(Server(running.url, PEOPLE, timeout=PATIENT)) == NOBODY


async def test_settings_of_the_machine_do_not_switch_verification_off(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    with Slapd(certificate=authority.server("DNS:other.example"), ldaps=True) as running:
        assert await answer(site(running.url, ca_file=authority.file)) == Outage("ldap", Reason.TLS)


async def test_a_lookup_that_is_cancelled_leaves_no_process_and_no_wrong_answer(good: Slapd) -> None:
    async with asked(site(good.url)) as source:
        assert await source.lookup(BOB) == NOBODY
        good.freeze()
        try:
            task = asyncio.create_task(source.lookup(BOB))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        finally:
            good.thaw()
        assert await source.lookup(BOB) == NOBODY
        await until(lambda: len(workers()) == 1)


async def test_a_worker_that_is_killed_is_replaced_unseen(good: Slapd) -> None:
    async with asked(site(good.url)) as source:
        assert await source.lookup(BOB) == NOBODY
        (worker,) = workers()
        os.kill(int(worker), 9)
        assert await source.lookup(BOB) == NOBODY


async def test_a_worker_ends_with_the_relay(good: Slapd) -> None:
    async with asked(site(good.url)) as source:
        assert await source.lookup(BOB) == NOBODY
        (worker,) = workers()
        (session,) = source._directories[0]._pool._kept
        session.connection._worker.channel.close()
        await session.connection._worker.wait()
        assert worker not in workers()


async def test_a_worker_stuck_in_its_library_ends_by_itself_should_the_relay_be_gone() -> None:
    async with listening(says_nothing) as port:
        connection = await Connection.start()
        with pytest.raises(Unavailable):
            await connection.login(site(f"ldaps://127.0.0.1:{port}", timeout=0.1))
        await asyncio.wait_for(connection._worker.wait(), PATIENT)
        await connection.reap()
