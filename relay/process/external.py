"""Programs of others (gpg, a site's own): what they know of their surroundings, and how they are ended."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress


def environment() -> dict[str, str]:
    """All that such a program gets: PATH and a UTF-8 locale."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


async def end(process: Process) -> None:
    """Kill it with all that it has started, and reap it; nothing where it has ended.

    It leads a process group of its own.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
