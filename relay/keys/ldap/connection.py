"""The relay's side of a worker process: one connection to one directory server.

Promises: a started process is always killed and reaped; a password travels over the pair of sockets and stands in no
argument and no environment; an answer is bounded in size. Time is the caller's business (`asyncio.timeout`): after a
timeout or cancellation the connection must be killed, because its next answer would belong to the wrong question.
Raises `Unavailable`.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

from relay.keys.ldap import protocol
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import Search
from relay.keys.ldap.server import Server
from relay.process.child import Child, Program
from relay.process.ipc import BadFrame, CutOff, Frame

WORKER = Program("relay.keys.ldap.worker", environment={}, silent=True)
MAX_ENTRIES = 50
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


class Connection:
    """Started, then logged in, then searched, and in the end killed and reaped."""

    def __init__(self, worker: Child) -> None:
        self._worker = worker

    @classmethod
    async def start(cls) -> Self:
        """Start a worker, which is not connected yet. Raises `Unavailable`."""
        try:
            return cls(await WORKER.start())
        except OSError as error:
            raise Unavailable(Reason.WORKER) from error

    async def login(self, server: Server) -> None:
        """Connect, make TLS where it is asked for, bind."""
        await self._exchange(_settings(server))

    async def search(self, search: Search) -> tuple[Entry, ...]:
        """Return the entries that the server found, at most `MAX_ENTRIES`. Raises `Unavailable`."""
        return await self._exchange(
            {
                "base": search.base,
                "filter": search.filter,
                "attributes": list(search.attributes),
                "subtree": search.subtree,
                "limit": MAX_ENTRIES,
            }
        )

    async def find(self, base: str, filter_: str, *, subtree: bool) -> tuple[Entry, ...]:
        """The DNs, under `dn`, of at most two entries that fit; none also where the base is not there."""
        return await self._exchange({"do": "find", "base": base, "filter": filter_, "subtree": subtree})

    async def list_all(self, search: Search) -> AsyncIterator[Entry]:
        """All that it finds, in pages."""
        words = {"do": "list", "base": search.base, "filter": search.filter, "attributes": list(search.attributes)}
        await self._exchange(words)
        while page := await self._exchange({"do": "next"}):
            for entry in page:
                yield entry

    async def put(self, dn: str, entry: Entry) -> None:
        """Add an entry, or give it these values."""
        words, strings = protocol.answer_frame([entry])
        await self._exchange({"do": "put", "dn": dn, **words}, strings)

    async def drop(self, dn: str) -> None:
        """Delete an entry, if it is there."""
        await self._exchange({"do": "drop", "dn": dn})

    def kill(self) -> None:
        """Kill its process at once, whatever that does."""
        self._worker.kill()

    async def reap(self) -> None:
        """Wait for its end after `kill`."""
        await self._worker.wait()
        self._worker.channel.close()

    async def _exchange(self, request: dict[str, Any], strings: Sequence[bytes] = ()) -> tuple[Entry, ...]:
        self._worker.channel.send(request, strings)
        try:
            return answer(await self._worker.channel.receive(protocol.ANSWER))
        except CutOff as error:
            raise Unavailable(Reason.BROKEN) from error
        except BadFrame as error:
            raise Unavailable(Reason.PROTOCOL) from error


def answer(frame: Frame | None) -> tuple[Entry, ...]:
    """What the worker answered; None: it has ended. Raises `BadFrame` too."""
    if frame is None:
        raise Unavailable(Reason.BROKEN)
    if "error" not in frame.words:
        return protocol.entries_of(frame)
    raise Unavailable(Reason.__members__.get(str(frame.words["error"]), Reason.PROTOCOL))


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
