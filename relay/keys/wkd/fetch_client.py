"""Domains are asked from a process of their own (`process`): `FetchClient` implements `document.Fetch`.

Why a process: TLS and HTTP with a stranger's server cost an interpreter more than all the rest of a mail, and whoever
writes mails chooses the servers; so other mails do not wait for it. And what speaks with strangers has neither mails
nor secret keys in its memory.

It is started when the first address is asked for, and again when it broke off, once in `PAUSE` seconds: who waits then
hears of an outage. One that is silent for `SILENCE` seconds stands still, and is killed. Raises `ConfigError` where
`ca_file` cannot be used.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from relay.keys.wkd import authorities, protocol
from relay.keys.wkd.port import Fetched, Settings
from relay.keys.wkd.protocol import BadFrame
from relay.keys.wkd.reason import NAME, Reason
from relay.model import Address, Outage
from relay.telemetry import events
from relay.telemetry.events import Event

SILENCE = 60.0
PAUSE = 1.0

_SOURCE = Path(__file__).resolve().parents[3]
_NONE = Outage(NAME, Reason.FETCHER)


class FetchClient:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        authorities.context(settings.ca_file)
        self._settings = settings
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._begun = float("-inf")

    @asynccontextmanager
    async def fetched(self, address: Address) -> AsyncIterator[Fetched]:
        """As `document.Fetch`."""
        process = await self._running()
        if process is None:
            yield _NONE
            return
        async with process.asked(address) as fetched:
            yield fetched

    async def close(self) -> None:
        """As `document.Fetch`."""
        async with self._starting:
            process, self._process = self._process, None
        if process:
            await process.end()

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return self._process.pid if self._process and self._process.alive else None

    async def _running(self) -> Process | None:
        async with self._starting:
            if self._process and self._process.alive:
                return self._process
            if self._process:
                await self._process.end()
            self._process = None
            if time.monotonic() >= self._begun + PAUSE:
                self._begun = time.monotonic()
                try:
                    self._process = await Process.start(self._settings)
                except OSError as error:
                    events.log().error(Event.FAILED, **events.unforeseen(error))
            return self._process


class Process:
    """One such process; make it with `start`."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.alive = True
        self._process = process
        self._reader = reader
        self._writer = writer
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Fetched]] = {}
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Start it and tell it the settings. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "relay.keys.wkd.fetch_process", str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                    env={**os.environ, "PYTHONPATH": str(_SOURCE)},
                    process_group=0,  # not a session: see `relay.process.priority`
                )
            except BaseException:  # a cancellation too
                writer.close()
                raise
        started = cls(process, reader, writer)
        started._writer.write(_told(settings))
        return started

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @asynccontextmanager
    async def asked(self, address: Address) -> AsyncIterator[Fetched]:
        """What comes of asking for this address."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        if not self.alive:
            answer.set_result(_NONE)
        self._say({"ask": number, "address": address.text})
        try:
            yield await answer
        finally:
            del self._waiting[number]
            self._say({"end": number})

    def _say(self, words: dict[str, Any]) -> None:
        if self.alive:  # else asyncio would write of it into our log
            self._writer.write(protocol.encode(words))

    async def end(self) -> None:
        """At once, whatever it does; wait for it."""
        if self.alive:  # else it ends already, and is not to be cancelled in that
            self._hearing.cancel()
        await asyncio.wait({self._hearing})

    async def _hear(self) -> None:
        try:
            async with asyncio.timeout(SILENCE) as silence:
                while frame := await protocol.read(self._reader):
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
            self._writer.close()
            with suppress(ProcessLookupError):  # it has ended by itself
                self._process.kill()
            await self._process.wait()

    def _take(self, frame: protocol.Frame) -> None:
        if "unforeseen" in frame.words:
            events.log().error(Event.FAILED, pid=self.pid, error=protocol.name_of(frame.words["unforeseen"]))
        number = frame.words.get("answer")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer and not answer.done():
            answer.set_result(protocol.decoded(frame))


def _told(settings: Settings) -> bytes:
    return protocol.encode(
        {
            "timeout": settings.timeout,
            "ca_file": str(settings.ca_file) if settings.ca_file else None,
            "connect_to": [[*place, *target] for place, target in settings.connect_to.items()],
            "allow_networks": [str(network) for network in settings.allow_networks],
        }
    )
