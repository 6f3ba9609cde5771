"""Several relays on one PostgreSQL, as a site with two machines has them; each has its folder, port, log and name.

    with cluster(server, hop_port) as (one, other): ...

`Wire` leads to a server over a network that can be cut: nothing is refused, nothing comes any more.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from lab.client import Client
from lab.mta import Mail, Mta
from lab.processes import Family
from lab.relay import Relay

NAMES = ("alpha", "beta", "gamma")
PEOPLE = "open.example"
POLICY = [{"name": "clear by rule", "to": [f"*@{PEOPLE}"], "encrypt": "preferred"}]
DEADLINES = {"gpg": "20s", "next_hop": "20s", "final_dot": "30s", "store": "4s"}
# What a mail does before it leaves, made visible: it has its turn, and waits until the file `go` is there.
BEFORE_THE_HAND_OVER = """
import asyncio, pathlib
from relay.pipeline import deliver
real = deliver.Deliverer.deliver
async def deliver_later(self, attempt, messages):
    pathlib.Path("here").touch()
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.02)
    return await real(self, attempt, messages)
deliver.Deliverer.deliver = deliver_later
"""


class Node(Relay):
    """One of them."""

    def __init__(
        self, name: str, database: str, hop_port: int, settings: Mapping[str, Any] = {}, *, scheme: str = "lmtp"
    ) -> None:
        base = {
            "database": database,
            "node": name,
            "reinject": f"smtp://127.0.0.1:{hop_port}",
            "policy": POLICY,
            "deadlines": DEADLINES,
        }
        super().__init__({**base, **settings}, scheme=scheme)
        self.name = name

    @property
    def mta(self) -> Mta:
        """A client of its inlet."""
        return Mta(self.settings["listen"][0])

    async def begin(self, sent: Mail) -> Client:
        """A client that has sent this mail, and that nobody reads the answer from yet."""
        client = await Client(self.settings["listen"][0]).__aenter__()
        await client.hello()
        for reply in await client.envelope(sent.sender, sent.recipients):
            assert reply.startswith("250"), reply
        assert (await client.say("DATA")).startswith("354")
        await client.body(sent.content)
        return client

    def freeze(self) -> None:
        """Stop all of its processes where they are."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have them go on."""
        self._signal_all(signal.SIGCONT)

    def marked(self, name: str) -> Path:
        """A file in its folder."""
        return self.folder / name

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in Family(self.pid).descendants():
            with suppress(ProcessLookupError):  # it has just ended, as a gpg does
                os.kill(pid, number)


@contextmanager
def cluster(
    database: str, hop_port: int, *, count: int = 2, settings: Mapping[str, Any] = {}, altered: str = ""
) -> Iterator[list[Node]]:
    """So many, which all serve; the first one is `altered` (`lab.forked_program`)."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(Node(name, database, hop_port, settings)) for name in NAMES[:count]]
        nodes[0].altered = altered
        for node in nodes:
            node.start()
        yield nodes


class Wire:
    """`with Wire(port) as wire:` a client that connects to `wire.port` speaks with the server at `port`.

    What is said arrives `delay` seconds later, each way.
    """

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self._target = port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._whole = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, "127.0.0.1", 0), self._loop
        ).result(10)
        self._server = server
        self.port = int(server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Nothing passes any more; connections stay open, and new ones are taken by nobody."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def heal(self) -> None:
        """What was sent meanwhile arrives."""
        self._loop.call_soon_threadsafe(self._whole.set)

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._whole.wait()
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))
            finally:
                there_writer.close()
        except OSError:
            pass
        finally:
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(1 << 16):
            await self._whole.wait()
            if self._delay:
                self._loop.call_later(self._delay, writer.write, octets)
            else:
                writer.write(octets)
                await writer.drain()
        await self._whole.wait()
        self._loop.call_later(self._delay, writer.close)
