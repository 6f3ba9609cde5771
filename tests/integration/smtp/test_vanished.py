"""A client whose machine is gone without a word: the ledger is told that its answer reached nobody."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import pytest
from lab.inlets import Running, inlet, place_of, take
from lab.stopwatch import Stopwatch

from relay.model import Inbound, Reply

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="needs root and iproute2")

SERVER, CLIENT = "10.78.0.1", "10.78.0.2"
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass
class Lan:
    """Two machines and the wire between them: network namespaces."""

    name: str
    sockets: list[socket.socket] = field(default_factory=list)

    def socket(self, machine: str) -> socket.socket:
        """Of that machine, usable from here."""

        def make() -> None:
            with Path(f"/run/netns/{self.name}{machine}").open() as space:
                assert _LIBC.setns(space.fileno(), 0) == 0
            self.sockets.append(socket.socket())

        thread = threading.Thread(target=make)  # the namespace is a thread's
        thread.start()
        thread.join()
        return self.sockets[-1]

    def cut(self) -> None:
        """The client's machine loses its power."""
        ip("-n", f"{self.name}b", "link", "set", "w", "down")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def lan() -> Iterator[Lan]:
    name = f"v{uuid4().hex[:6]}"
    for machine in "ab":
        ip("netns", "add", name + machine)
    try:
        ip("-n", f"{name}a", "link", "add", "w", "type", "veth", "peer", "name", "w", "netns", f"{name}b")
        for machine, address in (("a", SERVER), ("b", CLIENT)):
            ip("-n", name + machine, "address", "add", f"{address}/24", "dev", "w")
            ip("-n", name + machine, "link", "set", "w", "up")
        made = Lan(name)
        yield made
        for each in made.sockets:
            each.close()
    finally:
        for machine in "ab":
            ip("netns", "delete", name + machine)


class Conversation:
    """A client that says one line at a time."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._read = b""

    async def say(self, text: str) -> str:
        """The reply to that."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._wire, text.encode())
        while True:
            lines = self._read.splitlines(keepends=True)
            ends = [n for n, line in enumerate(lines) if line[3:4] == b" " and line.endswith(b"\n")]
            if ends:
                self._read = b"".join(lines[ends[0] + 1 :])
                return lines[ends[0]].decode()
            self._read += await loop.sock_recv(self._wire, 4096)


async def connected(lan: Lan, running: Running) -> Conversation:
    """After the envelope; the mail is next."""
    listening = lan.socket("a")
    listening.bind((SERVER, 0))
    listening.listen()
    await running.inlet.start(place_of(f"lmtp://{SERVER}:24"), listening=listening)
    wire = lan.socket("b")
    wire.setblocking(False)  # noqa: FBT003  socket's
    await asyncio.get_running_loop().sock_connect(wire, listening.getsockname())
    talk = Conversation(wire)
    for line in ("", "LHLO client.example\r\n", "MAIL FROM:<a@front.example>\r\n", "RCPT TO:<b@open.example>\r\n"):
        await talk.say(line)
    assert (await talk.say("DATA\r\n"))[:3] == "354"
    return talk


async def told(lan: Lan, *, vanishes: bool) -> tuple[bool, float]:
    """Whether its answer counts as delivered, and how long that took to be known."""
    taken, goes_on = asyncio.Event(), asyncio.Event()

    async def process(inbound: Inbound) -> tuple[Reply, ...]:
        taken.set()
        await goes_on.wait()
        return take(inbound)

    async with inlet(process=process, allow=[ip_network("10.78.0.0/24")], grace=0.1) as running:
        talk = await connected(lan, running)
        body = asyncio.create_task(talk.say("Subject: x\r\n\r\ntext\r\n.\r\n"))
        await taken.wait()
        if vanishes:
            lan.cut()
        with Stopwatch() as watch:
            goes_on.set()
            await running.until(told=1)
        body.cancel()
    return running.told[0], watch.seconds


async def test_a_client_that_vanishes_without_a_word_was_not_answered(lan: Lan) -> None:
    delivered, took = await told(lan, vanishes=True)
    assert not delivered
    assert took < 5


async def test_a_client_that_is_there_was_answered_at_once(lan: Lan) -> None:
    delivered, took = await told(lan, vanishes=False)
    assert delivered
    assert took < 1
