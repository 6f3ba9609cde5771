"""The `ldap` source: servers in order, each a replica of the next (RFC 4511).

The second server is asked if the first fails; the answer of one server, "no key" included, counts for all. If all fail,
the outage is that of the first one asked. Never raises from a lookup. Raises `ConfigError` when built without the extra
`ldap`.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence

from relay.keys import narrowing
from relay.keys.ldap.directory import Directory, Plan
from relay.keys.ldap.judge import NAME, Holdings, judge, read
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace
from relay.keys.ldap.server import Server
from relay.model import Address, Certificate, Lookup, NotFound, Outage
from relay.model.errors import ConfigError, EngineError, Fault
from relay.pipeline.ports import Examiner


class Ldap:
    """`Source` over one or several servers of the same directory."""

    def __init__(
        self,
        servers: Sequence[Server],
        examiner: Examiner,
        clock: Callable[[], float] = time.time,
        parts: Examiner | None = None,
    ) -> None:
        """`parts` examines certificates that were cut down, from which the store is not to learn."""
        if importlib.util.find_spec("bonsai") is None:
            raise ConfigError((Fault("lookup.ldap", 0, "needs the extra `ldap`: pip install 'pgp-relay[ldap]'"),))
        self._directories = tuple(Directory(server) for server in servers)
        self._examiner = examiner
        self._parts = parts or examiner
        self._clock = clock

    @property
    def name(self) -> str:
        """The word for this source in configuration and log: `ldap`."""
        return NAME

    async def lookup(self, address: Address) -> Lookup:
        """What the directory knows for this address; with no server configured nothing is known."""
        if not self._directories:
            return NotFound(NAME)
        try:
            space, entries = await self._find(lambda space: space.address_searches(address))
            holdings = await self._narrowed(await read(entries, space, self._examiner), address)
            answer = judge(address, holdings, space, self._clock())
            return Outage(NAME, Reason.PROBE) if isinstance(answer, NotFound) and not space.proven else answer
        except Unavailable as error:
            return Outage(NAME, error.reason)
        except EngineError:
            return Outage(NAME, Reason.EXAMINER)

    async def by_fingerprint(self, fingerprint: str) -> Certificate | NotFound | Outage:
        """The directory's state of a certificate, usable or not: it may be a revocation."""
        if not self._directories:
            return NotFound(NAME)
        try:
            space, entries = await self._find(lambda space: space.fingerprint_searches(fingerprint))
            holdings = await read(entries, space, self._examiner)
        except Unavailable as error:
            return Outage(NAME, error.reason)
        except EngineError:
            return Outage(NAME, Reason.EXAMINER)
        same = [c for c in holdings.certificates if c.fingerprint == fingerprint]
        return same[0] if same else NotFound(NAME, space.method)

    async def close(self) -> None:
        """End every connection; the source is not used afterwards."""
        for directory in self._directories:
            await directory.close()

    async def _narrowed(self, holdings: Holdings, address: Address) -> Holdings:
        """Only the user ids of the address asked for: whoever may write one entry decides about no other."""
        named = [c for c in holdings.certificates if any(user_id.address == address for user_id in c.user_ids)]
        narrow = await narrowing.narrow(named, address, self._parts)
        by_fingerprint = {whole.fingerprint: cut for whole, cut in zip(named, narrow, strict=True)}
        verdicts = [by_fingerprint.get(one.fingerprint, one) for one in holdings.certificates]
        readable = tuple(verdict for verdict in verdicts if isinstance(verdict, Certificate))
        return Holdings(readable, holdings.unreadable or len(readable) < len(verdicts))

    async def _find(self, plan: Plan) -> tuple[KeySpace, tuple[Entry, ...]]:
        failures: list[Unavailable] = []
        for directory in sorted(self._directories, key=lambda directory: directory.rests):
            try:
                return await directory.find(plan)
            except Unavailable as error:
                failures.append(error)
        raise failures[0]
