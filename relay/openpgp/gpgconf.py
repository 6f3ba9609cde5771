"""The agent of a GnuPG home, as gpgconf starts, finds and ends it."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import DEVNULL
from urllib.parse import unquote

from relay.model.errors import EngineError
from relay.openpgp.call import finish, start
from relay.openpgp.memory_file import sink, written

ENDED_WITHIN = 10.0
"""Seconds for gpgconf to end an agent."""


async def end_agent(home: Path) -> None:
    """End the agent of that home, where one runs. Raises `EngineError` where gpgconf cannot be started or hangs."""
    await _gpgconf(home, "--kill", "gpg-agent", seconds=ENDED_WITHIN)


async def start_agent(home: Path, seconds: float) -> None:
    """Start the agent of that home, where none runs. Raises `EngineError` where it cannot, `EngineTimeout`."""
    if await _gpgconf(home, "--launch", "gpg-agent", seconds=seconds) != 0:
        raise EngineError("gpg-agent cannot be started")


async def agent_socket(home: Path, seconds: float) -> str:
    """Return where the agent of that home listens. Raises `EngineError`, `EngineTimeout`."""
    with sink(1 << 12) as output:
        code = await _gpgconf(home, "--list-dirs", "agent-socket", seconds=seconds, output=output)
        socket = os.fsdecode(written(output).rstrip(b"\n"))
    if code != 0 or not socket:
        raise EngineError("gpgconf does not say where gpg-agent listens")
    return unquote(socket)


async def _gpgconf(home: Path, *words: str, seconds: float, output: int = DEVNULL) -> int:
    return await finish(await start(["gpgconf", "--homedir", str(home), *words], DEVNULL, output, ()), seconds)
