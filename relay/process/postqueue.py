"""Asks Postfix to try mails of its queue again now (`postqueue -i`, postqueue(1)). Raises nothing.

Each queue id is one argument of its own, and only what has the form of one; there is no shell.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress

from relay.model.envelope import is_queue_id

MOST = 1_000
"""Mails asked for one by one: each is a process."""
SECONDS = 30.0


async def flush(queue_ids: Iterable[str]) -> list[str]:
    """Ask for each once; those that Postfix was asked for. It is not there, or refuses: it tries by itself later."""
    program = shutil.which("postqueue") or shutil.which("postqueue", path="/usr/sbin:/usr/local/sbin")
    asked = list(dict.fromkeys(filter(is_queue_id, queue_ids)))[:MOST] if program else []
    return [queue_id for queue_id in asked if program and await _asked(program, queue_id)]


async def _asked(program: str, queue_id: str) -> bool:
    names = ("PATH", "MAIL_CONFIG")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    nowhere = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            program, "-i", queue_id, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environment
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
