"""Starts and ends other programs (gpg, a site's hook): environment, standard input, and how they are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:  # not every command that starts a program runs a loop
    from asyncio.subprocess import Process


def environment() -> dict[str, str]:
    """The whole environment of such a program: PATH and a UTF-8 locale."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


@contextmanager
def standard_input(content: bytes) -> Iterator[BinaryIO]:
    """A file in memory with it. If a program closed a pipe unread, asyncio could report what nobody retrieves."""
    with os.fdopen(os.memfd_create("given", os.MFD_CLOEXEC), "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file


async def end(process: Process) -> None:
    """Kill the program and its process group, which it must lead, and reap it. Does nothing if it has ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
