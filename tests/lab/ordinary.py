"""Ordinary mail that goes on while something else is attacked, and how long each took."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.client import Client
from lab.stopwatch import Stopwatch

MAIL = b"From: medecin@hopital.example\r\nTo: autre@hopital.example\r\nSubject: ordinary\r\n\r\nAn ordinary mail.\r\n"


class Ordinary:
    """`async with Ordinary(url) as mail: ...`: one mail after the other on a connection of its own; all are taken."""

    def __init__(self, url: str, recipient: str = "autre@hopital.example") -> None:
        self._url = url
        self._recipient = recipient
        self._stop = asyncio.Event()
        self.seconds: list[float] = []

    async def __aenter__(self) -> Self:
        begun = asyncio.Event()
        self._task = asyncio.create_task(self._run(begun))
        await asyncio.wait([self._task, asyncio.create_task(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await self._task
        print(f"\nordinary mails meanwhile: {len(self.seconds)}, the slowest {max(self.seconds, default=0):.2f} s")
        assert kind or self.seconds

    @property
    def slowest(self) -> float:
        return max(self.seconds)

    async def _run(self, begun: asyncio.Event) -> None:
        async with Client(self._url) as client:
            await client.hello()
            await client.send("medecin@hopital.example", [self._recipient], MAIL)
            begun.set()
            with Stopwatch() as watch:
                while not self._stop.is_set():
                    start = watch.seconds
                    (reply,) = await client.send("medecin@hopital.example", [self._recipient], MAIL)
                    assert reply.startswith("250 "), reply
                    self.seconds.append(watch.seconds - start)
                    await asyncio.sleep(0.02)


def forget_peak(pid: int) -> None:
    """Let `peak` count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """The most memory the process ever had (VmHWM of proc(5)), in octets."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024
