"""The relay's side of a worker process: one connection to one directory server.

Promises: what is started is killed and reaped, whatever happens; a password travels through a pipe and stands in no
argument and no environment; an answer is bounded in size. Time is the caller's business (`asyncio.timeout`): after
a timeout or cancellation the connection must be killed, because its next line would answer the wrong question.
Raises `Unavailable`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from pathlib import Path
from typing import Any, Self

from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import Entry, Search
from relay.keys.ldap.server import Server
from relay.process.pool import aside

WORKER = Path(__file__).with_name("worker.py")
MAX_LINE = 8 << 20  # the worker's 4 MiB of values in base64, and names
MAX_ENTRIES = 50
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


class Connection:
    """Started, then logged in, then searched, and in the end killed and reaped."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise Unavailable(Reason.WORKER)
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls) -> Self:
        """A worker, not yet connected."""
        command = (sys.executable, "-I", str(WORKER))
        try:
            return cls(
                await create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, limit=MAX_LINE)
            )
        except OSError as error:
            raise Unavailable(Reason.WORKER) from error

    async def login(self, server: Server) -> None:
        """Connect, make TLS where it is asked for, bind."""
        await self._exchange(_settings(server))

    async def search(self, search: Search) -> tuple[Entry, ...]:
        """The entries found."""
        return await self._exchange(
            {
                "base": search.base,
                "filter": search.filter,
                "attributes": list(search.attributes),
                "subtree": search.subtree,
                "limit": MAX_ENTRIES,
            }
        )

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            self._process.kill()

    async def reap(self) -> None:
        """Wait for its end after `kill`."""
        await self._process.communicate()

    async def _exchange(self, request: dict[str, Any]) -> tuple[Entry, ...]:
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            await self._requests.drain()
            line = await self._answers.readline()
        except OSError as error:
            raise Unavailable(Reason.BROKEN) from error
        except ValueError as error:  # longer than MAX_LINE
            raise Unavailable(Reason.TOO_MUCH) from error
        return await aside(len(line), answer, line)


def answer(line: bytes) -> tuple[Entry, ...]:
    """What a line of the worker's says. Raises `Unavailable`."""
    if not line.endswith(b"\n"):
        raise Unavailable(Reason.BROKEN)
    try:
        answer = json.loads(line)
        failure = Reason[answer["error"]] if "error" in answer else None
        entries = tuple(_entry(entry) for entry in answer.get("entries", ()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # a C library wrote to standard output
        raise Unavailable(Reason.PROTOCOL) from error
    if failure:
        raise Unavailable(failure)
    return entries


def _entry(entry: dict[str, list[str]]) -> Entry:
    return {name: tuple(base64.b64decode(value, validate=True) for value in values) for name, values in entry.items()}


def _settings(server: Server) -> dict[str, Any]:
    return {
        "url": server.endpoint,
        "starttls": server.starttls,
        "ca_file": server.ca_file or _system_authorities(),
        "bind_dn": server.bind_dn,
        "password": server.password,
        "timeout": server.timeout,
    }


def _system_authorities() -> str | None:
    """The system's CA bundle; without one GnuTLS trusts nobody, and the connection fails as it should."""
    places = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((place for place in places if place and Path(place).is_file()), None)
