"""Starts and ends other programs (gpg, a site's hook): their environment, and how they are killed."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress


def environment() -> dict[str, str]:
    """The whole environment of such a program: PATH and a UTF-8 locale."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


async def end(process: Process) -> None:
    """Kill the program and its process group, which it must lead, and reap it. Does nothing if it has ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
