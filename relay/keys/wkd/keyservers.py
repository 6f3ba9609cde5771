"""Keyservers that verify addresses, as a source: keys.openpgp.org's interface (`/vks/v1/by-email/ADDRESS`).

They are asked one after the other, by the process that asks domains. That a server has no key for an address counts
only once it has proved to be a keyserver: it had a certificate for some address, or calls what is no address a
malformed request (400). Any other web server, or a page that somebody put in front of it, answers 404 to everything.
`lookup` never raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from relay.keys.wkd.judge import DocumentJudge
from relay.keys.wkd.port import Document, Fetch
from relay.keys.wkd.reason import Reason
from relay.model import Address, Found, Lookup, NotFound, Origin, Outage, Unusable
from relay.model.errors import StoreError
from relay.pipeline.ports import Examiner

NAME = "vks"
METHOD = "vks/by-email"
MALFORMED = Address("malformed")
"""No keyserver takes it for a mail address."""
PAUSE = 60.0
"""Seconds between two tries to have a server prove itself."""


class Proofs(Protocol):
    """Which keyservers have proved to be one (`relay.store.Keyservers`). Raises `StoreError`."""

    async def proved(self, server: str) -> bool:
        """Whether it has proved to be a keyserver, ever."""

    async def note(self, server: str) -> None:
        """Note that it has."""


class Keyservers:
    """The source. One for a process."""

    def __init__(  # noqa: PLR0913, PLR0917  each is a part
        self,
        servers: Sequence[str],
        examiner: Examiner,
        fetch: Fetch,
        proofs: Proofs,
        clock: Callable[[], float] = time.time,
        parts: Examiner | None = None,
    ) -> None:
        """`servers` are written `https://host[:port]`; `parts` as for WKD."""
        self._servers = tuple(servers)
        self._judge = DocumentJudge(NAME, Origin.VKS, examiner, parts or examiner, clock)
        self._fetch = fetch
        self._proofs = proofs
        self._proved: set[str] = set()
        self._tried: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The word for this source in configuration and log: `vks`."""
        return NAME

    async def lookup(self, address: Address) -> Lookup:
        """What the first of them has that has a usable key; an outage of one is never "no key"."""
        worst: Lookup = NotFound(NAME, METHOD)
        for server in self._servers:
            try:
                found = await self._ask(server, address)
            except StoreError as error:
                found = Outage(NAME, str(error), METHOD)
            if isinstance(found, Found):
                return found
            if isinstance(found, Unusable) or isinstance(worst, NotFound):
                worst = found
        return worst

    async def close(self) -> None:
        """Release what is open; lookups under way have to have ended before."""
        await self._fetch.close()

    async def _ask(self, server: str, address: Address) -> Lookup:
        async with self._fetch.fetched(address, server) as fetched:
            if isinstance(fetched, Document):
                await self._note(server)
                return await self._judge.judge(fetched, address)
        if isinstance(fetched, Outage):
            return Outage(NAME, fetched.reason, METHOD)
        if await self._is_keyserver(server):
            return NotFound(NAME, METHOD)
        return Outage(NAME, Reason.UNPROVED, METHOD)

    async def _is_keyserver(self, server: str) -> bool:
        if server in self._proved or await self._proofs.proved(server):
            self._proved.add(server)
            return True
        if time.monotonic() < self._tried.get(server, float("-inf")) + PAUSE:
            return False
        self._tried[server] = time.monotonic()
        async with self._fetch.fetched(MALFORMED, server) as answer:
            proves = isinstance(answer, Outage) and answer.reason == Reason.MALFORMED
        if proves:
            await self._note(server)
        return proves

    async def _note(self, server: str) -> None:
        if server not in self._proved:
            await self._proofs.note(server)
            self._proved.add(server)
