"""Asks Postfix what is in its queue, and to try mails again now (`postqueue -j`, `-i`, postqueue(1)). Raises nothing.

Each queue id is one argument of its own, and only what has the form of one; there is no shell.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from asyncio.subprocess import Process
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

from relay.model.envelope import is_queue_id

MOST = 1_000
"""Mails asked for one by one: each is a process."""
MOST_MAILS = 1_000_000
"""Mails that are read of what postqueue prints."""
SECONDS = 30.0
LARGEST = 64 << 20
"""Octets that postqueue may print: some 100,000 mails. If it prints more, the queue is not known."""
RETRIED = 86400.0
"""Seconds in which Postfix tries each mail at least once (`maximal_backoff_time` is 4000 s): it is gone otherwise."""
_PIECE = 1 << 16


async def flush(queue_ids: Iterable[str]) -> list[str]:
    """Ask for each once; returns those that Postfix was asked for: none if it is missing or refuses."""
    asked = list(dict.fromkeys(filter(is_queue_id, queue_ids)))[:MOST]
    return [queue_id for queue_id in asked if await _printed("-i", queue_id) is not None]


async def queued() -> frozenset[str] | None:
    """The queue ids of all mails in the queue; None where that cannot be known."""
    printed = await _printed("-j")
    try:
        return None if printed is None else frozenset(mail["queue_id"] for mail in mails(printed))
    except ValueError:
        return None


def mails(printed: bytes) -> Iterator[dict[str, Any]]:
    """Each mail that `postqueue -j` prints, one a line of JSON. Raises `ValueError` for anything else, or too many."""
    for at, line in enumerate(BytesIO(printed)):
        mail = json.loads(line)
        if at == MOST_MAILS or not isinstance(mail, dict) or not isinstance(mail.get("queue_id"), str):
            raise ValueError("not what postqueue prints")
        yield mail


async def _printed(*words: str) -> bytes | None:
    """What postqueue prints; None where it is not there, refuses, takes too long, or prints too much."""
    program = shutil.which("postqueue") or shutil.which("postqueue", path="/usr/sbin:/usr/local/sbin")
    names = ("PATH", "MAIL_CONFIG")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    nowhere, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program or "postqueue", *words, stdin=nowhere, stdout=pipe, stderr=nowhere, env=environment
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(SECONDS):
            return await _read(process)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _read(process: Process) -> bytes | None:
    """What the program prints until it ends; None where it fails or prints too much, which is discarded."""
    printed = BytesIO()
    while process.stdout and (piece := await process.stdout.read(_PIECE)):
        if printed.tell() <= LARGEST:
            printed.write(piece)
    failed = await process.wait() != 0
    return None if failed or printed.tell() > LARGEST else printed.getvalue()
