"""Connections are spread evenly over workers, which are parts of one process here: all happens in turn."""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest
from lab.client import Client
from lab.connections import is_known
from lab.inlets import Running, inlet, place_of
from lab.waiting import until, wait_for

from relay.model.endpoint import Endpoint
from relay.smtp.balance import STANDS_STILL, Balance
from relay.smtp.listening import Reserved
from relay.smtp.spread import Inbox, Shared, Spread

MAIL = b"Subject: x\r\n\r\nbody\r\n"
KEPT = 10
_UNACKED = struct.Struct("24xI")
"""Of struct tcp_info (linux/tcp.h)."""


@dataclass
class Workers:
    """Who listen at one place."""

    spread: Spread
    place: Endpoint
    descriptor: int
    stack: ExitStack
    now: float = 0.0
    taken: list[socket.socket] = field(default_factory=list)

    def sockets(self, worker: int) -> tuple[socket.socket, socket.socket]:
        """Of a worker, or of its successor: the place's, and its inbox."""
        balance = Balance(self._inherited(), worker, lambda: self.now)
        self.stack.callback(balance.leave)
        listening, inbox = balance.sockets(0, os.dup(self.descriptor))
        for each in (listening, inbox):
            each.settimeout(0)
            self.stack.callback(each.close)
        return listening, inbox

    def connect(self) -> socket.socket:
        """A client that is in the queue when this returns: connected it is a moment before."""
        before = self._queued()
        made = socket.create_connection((self.place.host, self.place.port))
        self.stack.callback(made.close)
        wait_for(lambda: self._queued() > before, "the server's side has it in its queue")
        return made

    def _queued(self) -> int:
        """How many wait to be accepted: of a socket that listens, tcpi_unacked of tcp(7) says so."""
        with socket.socket(fileno=os.dup(self.descriptor)) as listening:
            return int(_UNACKED.unpack(listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size))[0])

    def accepted(self, listening: socket.socket) -> int:
        """How many connections that one takes until there is none."""
        before = len(self.taken)
        while True:
            try:
                self.taken.append(listening.accept()[0])
            except BlockingIOError:
                return len(self.taken) - before
            self.stack.callback(self.taken[-1].close)

    def _inherited(self) -> Shared:
        shared = self.spread.shared
        inboxes = (tuple(Inbox(self._copy(i.taking), os.dup(i.handing)) for i in those) for those in shared.inboxes)
        return Shared(self._copy(shared.numbers), tuple(inboxes))

    def _copy(self, descriptor: int) -> int:
        made = os.dup(descriptor)
        self.stack.callback(os.close, made)
        return made


@contextmanager
def workers(count: int, url: str = "lmtp://127.0.0.1:0") -> Iterator[Workers]:
    reserved = Reserved(place_of(url))
    ((place, descriptor),) = reserved.descriptors.items()
    with ExitStack() as stack:
        stack.callback(reserved.release)
        yield Workers(stack.enter_context(Spread(count, 1)), place, descriptor, stack)


@pytest.mark.parametrize(("count", "each"), [(2, (5, 5)), (3, (4, 3, 3))])
def test_one_that_accepts_all_hands_over_all_but_its_share(count: int, each: tuple[int, ...]) -> None:
    with workers(count) as them:
        (first, _), *others = [them.sockets(worker) for worker in range(count)]
        for _ in range(KEPT):
            them.connect()

        shares = [them.accepted(first), *(them.accepted(inbox) for _, inbox in others)]

        assert tuple(shares) == each
        assert all(not them.accepted(listening) for listening, _ in others)


def test_connections_that_have_gone_do_not_count() -> None:
    with workers(2) as them:
        (first, own), (second, inbox) = them.sockets(0), them.sockets(1)
        for _ in range(KEPT):
            them.connect()
        assert (them.accepted(first), them.accepted(inbox)) == (5, 5)
        for each in them.taken[:5]:
            each.close()
            each.close()
        for _ in range(KEPT):
            them.connect()

        assert (them.accepted(second), them.accepted(own)) == (3, 7)


def test_what_was_handed_to_one_that_died_is_taken_by_its_successor_and_nothing_more_is_handed_over_meanwhile() -> None:
    with workers(2) as them:
        first, _ = them.sockets(0)
        them.sockets(1)
        for _ in range(KEPT):
            them.connect()
        assert them.accepted(first) == KEPT // 2

        them.spread.lost(1)
        them.connect()
        assert them.accepted(first) == 1
        _, inbox = them.sockets(1)
        assert them.accepted(inbox) == KEPT // 2


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """As in a worker that has reached its limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_one_without_descriptors_swallowed_every_connection_that_others_handed_it_and_said_nothing() -> None:
    with workers(2) as them:
        (first, _), (second, inbox) = them.sockets(0), them.sockets(1)
        for _ in range(4):
            them.connect()
        assert them.accepted(first) == 2
        with no_descriptor_left(), pytest.raises(OSError, match="Too many open files"):  # asyncio logs it, and pauses
            inbox.accept()

        for _ in range(KEPT):
            them.connect()
        assert them.accepted(first) == KEPT, "it is handed no more"

        them.connect()
        assert them.accepted(second) == 1, "it can accept again"
        for _ in range(2):
            them.connect()
        assert them.accepted(first) == 0, "and is handed what comes"
        assert them.accepted(inbox) == 1 + 2


def test_one_that_stops_keeps_nobody_waiting_whom_it_has_not_greeted() -> None:
    with workers(2) as them:
        (first, _), (_, inbox) = them.sockets(0), them.sockets(1)
        clients = [them.connect() for _ in range(2)]
        assert them.accepted(first) == 1
        inbox.close()
        told, _, _ = select.select(clients, [], [], 30)
        assert [client.recv(1) for client in told] == [b""], "the one that it had been handed"
        assert them.accepted(first) == 0


@pytest.mark.timeout(20)
def test_one_that_stops_after_all_others_have_gone_did_not_end() -> None:
    with workers(2) as them:
        (_, own), (_, inbox) = them.sockets(0), them.sockets(1)
        them.spread.__exit__()
        own.close()
        inbox.close()
        assert inbox.fileno() == -1


def test_one_that_stands_still_is_handed_nothing_more_until_it_takes_something() -> None:
    with workers(2) as them:
        (first, _), (_, inbox) = them.sockets(0), them.sockets(1)
        for _ in range(2):
            them.connect()
        assert them.accepted(first) == 1

        them.now += STANDS_STILL
        for _ in range(KEPT):
            them.connect()
        assert them.accepted(first) == KEPT

        assert them.accepted(inbox) == 1
        for _ in range(KEPT):
            them.connect()
        assert them.accepted(first) == 0
        assert them.accepted(inbox) == KEPT


def test_one_whose_inbox_is_full_is_handed_nothing_and_all_are_served() -> None:
    with workers(2) as them:
        first, _ = them.sockets(0)
        them.sockets(1)
        with socket.socket(fileno=os.dup(them.spread.shared.inboxes[1][0].handing)) as full:
            full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for _ in range(30 * KEPT):
            them.connect()

        assert 15 * KEPT < them.accepted(first) < 30 * KEPT


def test_one_that_leaves_is_handed_nothing_and_hands_nothing_over() -> None:
    with workers(2) as them:
        (first, _), (second, inbox) = them.sockets(0), them.sockets(1)
        inbox.close()
        for _ in range(KEPT):
            them.connect()
        assert them.accepted(first) == KEPT
        for _ in range(KEPT):
            them.connect()
        assert them.accepted(second) == KEPT


def test_a_client_that_is_gone_when_it_is_taken_is_not_a_client_without_an_address() -> None:
    """One without an address is at a unix socket, and allowed."""
    with workers(2) as them:
        (first, _), (_, inbox) = them.sockets(0), them.sockets(1)
        them.connect()
        gone = them.connect()
        assert them.accepted(first) == 1

        port = gone.getsockname()[1]
        assert is_known(port)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        wait_for(lambda: not is_known(port), "its end has arrived")

        with pytest.raises(ConnectionAbortedError):
            inbox.accept()
        assert them.accepted(inbox) == 0


async def serve(stack: AsyncExitStack, them: Workers, worker: int, *allow: str) -> Running:
    """The worker's inlet, at the place of all."""
    networks = [ip_network(each) for each in allow or ("127.0.0.0/8",)]
    running = await stack.enter_async_context(inlet(allow=networks))
    for each in them.sockets(worker):
        assert await running.inlet.start(them.place, listening=each) == (str(them.place),)
    return running


@pytest.mark.parametrize("place", ["port", "socket"])
async def test_inlets_share_ten_kept_connections_and_know_their_peers(place: str, tmp_path: Path) -> None:
    url = "lmtp://127.0.0.1:0" if place == "port" else f"lmtp://{tmp_path}/inlet"
    with workers(2, url) as them:
        async with AsyncExitStack() as stack:
            both = [await serve(stack, them, worker) for worker in range(2)]
            clients = [await stack.enter_async_context(Client(str(them.place))) for _ in range(KEPT)]
            for client in clients:
                await client.hello()
                assert (await client.send("a@b.example", ["1@x.example"], MAIL))[0].startswith("250 ")

            assert [len(running.got) for running in both] == [KEPT // 2, KEPT // 2]
            assert {got.peer for running in both for got in running.got} == {"127.0.0.1" if place == "port" else "unix"}
            for client in clients:
                client.drop()
            await until(lambda: not any(running.inlet._sessions for running in both))


async def test_who_is_not_allowed_is_refused_by_the_one_it_was_handed_to() -> None:
    with workers(2) as them:
        async with AsyncExitStack() as stack:
            for worker in range(2):
                await serve(stack, them, worker, "192.0.2.0/24")
            for _ in range(4):
                async with Client(str(them.place)) as client:
                    assert client.greeting.startswith("554 5.7.1 ")
