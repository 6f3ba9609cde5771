"""A program of the site's own: given lines on standard input, judged by its exit status, within a time.

It gets no argument, an environment of PATH and a locale, and no terminal; what it prints goes nowhere. It is killed,
with all that it started, when its time is over. Raises nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SECONDS = 20.0


async def run(program: Path, lines: Sequence[str], seconds: float = SECONDS) -> bool:
    """Whether it ended with 0."""
    try:
        process = await asyncio.create_subprocess_exec(
            str(program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            process_group=0,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(seconds):
            await process.communicate("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode == 0
