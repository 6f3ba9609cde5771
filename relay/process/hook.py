"""A program of the site's own: given lines on standard input, judged by its exit status, within a time.

It gets no argument, an environment of PATH and a locale, and no terminal; what it prints goes nowhere. It is killed,
with all that it started, when its time is over. Raises nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from relay.process import external

SECONDS = 20.0


async def run(program: Path, lines: Sequence[str], seconds: float = SECONDS) -> bool:
    """Whether it ended with 0."""
    try:
        with external.standard_input("".join(f"{line}\n" for line in lines).encode("utf-8", "replace")) as given:
            process = await asyncio.create_subprocess_exec(
                str(program),
                stdin=given,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                env=external.environment(),
                process_group=0,
            )
    except OSError:
        return False
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        return False
    finally:
        await external.end(process)
    return process.returncode == 0
