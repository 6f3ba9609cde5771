"""Domains are asked from a process of its own (`fetch_process`): `FetchClient` implements `port.Fetch`.

Why a process: TLS and HTTP with a stranger's server cost an interpreter more than all the rest of a mail, and whoever
writes mails chooses the servers; so other mails do not wait for it. And the process that talks to strangers' servers
has neither mails nor secret keys in its memory.

It is started when the first address is asked for, and again after it broke off, at most once in `PAUSE` seconds; until
then every answer is an outage. A process that says nothing for `SILENCE` seconds is killed. Raises `ConfigError` where
`ca_file` cannot be used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Self

from relay.keys.wkd import authorities, protocol
from relay.keys.wkd.port import Fetched, Settings
from relay.keys.wkd.reason import NAME, Reason
from relay.model import Address, Outage
from relay.process.child import Child, Program
from relay.process.ipc import BadFrame, Frame
from relay.telemetry import events
from relay.telemetry.events import Event

PROGRAM = Program("relay.keys.wkd.fetch_process", silent=True)
SILENCE = 60.0
PAUSE = 1.0

_NONE = Outage(NAME, Reason.FETCHER)


class FetchClient:
    """Asks domains from a process of its own: `port.Fetch`."""

    def __init__(self, settings: Settings) -> None:
        authorities.context(settings.ca_file)
        self._settings = settings
        self._process: FetchProcess | None = None
        self._starting = asyncio.Lock()
        self._begun = float("-inf")

    @asynccontextmanager
    async def fetched(self, address: Address, server: str = "") -> AsyncIterator[Fetched]:
        """Ask the process for the key of this address; see `port.Fetch`."""
        process = await self._running()
        if process is None:
            yield _NONE
            return
        async with process.asked(address, server) as fetched:
            yield fetched

    async def close(self) -> None:
        """End the process; see `port.Fetch`."""
        async with self._starting:
            process, self._process = self._process, None
        if process:
            await process.end()

    @property
    def pid(self) -> int | None:
        """The pid of the process; None: there is none."""
        return self._process.pid if self._process and self._process.alive else None

    async def _running(self) -> FetchProcess | None:
        async with self._starting:
            if self._process and self._process.alive:
                return self._process
            if self._process:
                await self._process.end()
            self._process = None
            if time.monotonic() >= self._begun + PAUSE:
                self._begun = time.monotonic()
                self._process = await self._started()
            return self._process

    async def _started(self) -> FetchProcess | None:
        try:
            return await FetchProcess.start(self._settings)
        except OSError as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))
            return None


class FetchProcess:
    """One such process; make it with `start`."""

    def __init__(self, child: Child) -> None:
        self.alive = True
        self._child = child
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Fetched]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Start it and send it the settings. Raises `OSError`."""
        started = cls(await PROGRAM.start())
        started._child.channel.send(protocol.settings_words(settings))
        return started

    @property
    def pid(self) -> int:
        """The process id, while it runs and after."""
        return self._child.pid

    @asynccontextmanager
    async def asked(self, address: Address, server: str = "") -> AsyncIterator[Fetched]:
        """What the process answers for this address, from its domain or from this keyserver."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        if not self.alive:
            answer.set_result(_NONE)
        self._child.channel.send({"ask": number, "address": address.text, "server": server})
        try:
            yield await answer
        finally:
            del self._waiting[number]
            self._child.channel.send({"end": number})

    async def end(self) -> None:
        """Kill it, and wait for its end."""
        if self.alive:  # else it ends already, and that is not to be cancelled
            self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(SILENCE) as silence:
                while frame := await self._child.channel.receive(protocol.ANSWER):
                    silence.reschedule(asyncio.get_running_loop().time() + SILENCE)
                    self._take(frame)
            events.log().error(Event.FAILED, pid=self.pid, reason="the process that asks domains broke off")
        except TimeoutError:
            events.log().error(Event.FAILED, pid=self.pid, reason="the process that asks domains stood still")
        except BadFrame as error:
            events.log().error(Event.FAILED, pid=self.pid, **events.unforeseen(error))
        finally:
            self.alive = False
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result(_NONE)
            self._child.channel.close()
            self._child.kill()
            await self._child.wait()

    def _take(self, frame: Frame) -> None:
        if "unforeseen" in frame.words:
            events.log().error(Event.FAILED, pid=self.pid, error=protocol.error_name(frame.words["unforeseen"]))
        number = frame.words.get("answer")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer and not answer.done():
            answer.set_result(protocol.answer_of(frame))
