"""What the demo needs around it: a folder, a next hop that shows what it gets, and the relay as its own process.

At the end, also after an error, the process and gpg's agents are stopped and the folder is deleted.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from relay.config import Endpoint
from relay.model import Inbound, Reply
from relay.model.errors import RelayError
from relay.model.replies import delivered
from relay.openpgp.home import private_folder
from relay.process.bounded import bounded
from relay.smtp.inlet import Inlet
from relay.smtp.server_context import Awaited

READY_WITHIN = 20.0
STOPPED_WITHIN = 30.0
"""Seconds for a program that was told to end."""
COMMAND_WITHIN = 60.0
"""Seconds for a command of ours."""
HOMES = ("correspondent", "keyring")

Caught = asyncio.Queue[Inbound]


@contextmanager
def folder() -> Iterator[Path]:
    """Private, with a path short enough for gpg-agent's socket; gone afterwards, and the agents with it."""
    place = private_folder()
    try:
        yield place
    finally:
        try:
            for home in HOMES:
                if (place / home).exists() and shutil.which("gpgconf"):
                    _stop_agents(place / home)
        finally:
            shutil.rmtree(place, ignore_errors=True)  # an agent that ends removes its sockets at the same moment


def _stop_agents(home: Path) -> None:
    command = ["gpgconf", "--homedir", str(home), "--kill", "all"]
    try:
        bounded(command, STOPPED_WITHIN)
    except subprocess.TimeoutExpired as error:
        raise RelayError("gpg-agent was told to end and did not: gpgconf hangs") from error


@dataclass(frozen=True, slots=True)
class _Taken:
    """`smtp`'s `Delivery`: the sink takes every mail."""

    inbound: Inbound
    caught: Caught

    async def replies(self, _: Awaited) -> tuple[Reply, ...]:
        await self.caught.put(self.inbound)
        return tuple(delivered(self.inbound.id) for _ in self.inbound.envelope.recipients)

    async def settle(self, *, delivered: bool) -> None:
        """Nothing is left to do."""


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[int, Caught]]:
    """A next hop that takes everything; its port, and what it got."""
    caught: Caught = asyncio.Queue()

    inlet = Inlet(lambda inbound: _Taken(inbound, caught), hostname="sink.example", allow=(ip_network("127.0.0.0/8"),))
    (address,) = await inlet.start(Endpoint("smtp", "127.0.0.1"))
    try:
        yield int(address.rpartition(":")[2]), caught
    finally:
        await inlet.stop(5)


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[int]:
    """`pgp-relay serve`, ready; its port."""
    process = await asyncio.create_subprocess_exec(
        *_program(config, "serve"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    try:
        yield await asyncio.wait_for(_ready(process), READY_WITHIN)
    except TimeoutError:
        raise RelayError(f"nothing came within {READY_WITHIN:g} s") from None
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Stop the process; kill it if it does not end in time."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), STOPPED_WITHIN)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise RelayError(f"the relay did not stop within {STOPPED_WITHIN:g} s") from None


async def _ready(process: asyncio.subprocess.Process) -> int:
    """The port it listens on, which its first log line names."""
    if process.stderr is None:
        raise TypeError("it was opened with a pipe")
    while line := await process.stderr.readline():
        if b'"event": "ready"' in line:
            return int(json.loads(line)["listen"][0].rpartition(":")[2])
    raise RelayError("the relay did not start")


def pgp_relay(config: Path, *arguments: str) -> str:
    """Another command on the same configuration; what it prints."""
    try:
        done = bounded(_program(config, *arguments), COMMAND_WITHIN, environment=_environment())
    except subprocess.SubprocessError as error:
        raise RelayError(f"pgp-relay {arguments[0]} did not end within {COMMAND_WITHIN:g} s") from error
    if done.returncode:
        raise RelayError(f"pgp-relay {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode("utf-8", "replace")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "relay", "-c", str(config), *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1"}
