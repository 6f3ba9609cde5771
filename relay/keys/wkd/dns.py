"""Resolves host names, and tells "there is no such name" from "nobody answered".

The system's own resolver is asked, so that /etc/hosts and nsswitch.conf count. What was measured of glibc's
getaddrinfo against a server that answers each family differently:

- Asked for both families at once it says "no such name" or "no address" although one family got SERVFAIL,
  REFUSED or nothing. Asked for one family at a time it says EAI_AGAIN for these. So each family is asked
  by itself, and only two denials make a denial.
- A search list with a wildcard turns every missing name, and every SERVFAIL, into an address of that
  wildcard. The canonical name shows it, and the name is asked again with its final dot.
- FORMERR alone still looks like "no such name".

A call cannot be interrupted: it blocks its thread for 10 s and more when no server answers. Threads are
bounded and our own, a name is asked once at a time whoever waits for it, and giving up on a call leaves it
running. Raises `NoSuchName`, or `Failed`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from relay.keys.wkd.reason import Failed, NoSuchName, Reason

MAX_THREADS = 128  # two families for each of 64 fetches
MAX_ADDRESSES = 4  # of each family; a name with a thousand must not mean a thousand connections

FAMILIES = (socket.AF_INET6, socket.AF_INET)

Resolve = Callable[[str, socket.AddressFamily], Sequence[str]]
"""Blocking; the addresses of one family, written as numbers. Raises `socket.gaierror`."""


def resolve(host: str, family: socket.AddressFamily) -> list[str]:
    """As `Resolve`, by the system."""
    addresses, canonical = _getaddrinfo(host, family)
    if canonical.lower().startswith(f"{host}."):
        addresses, _ = _getaddrinfo(f"{host}.", family)
    return addresses


def _getaddrinfo(host: str, family: socket.AddressFamily) -> tuple[list[str], str]:
    # octets: as text it would go through Python's IDNA codec, which raises on labels that are too long
    infos = socket.getaddrinfo(host.encode("ascii"), None, family, socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    return [str(info[4][0]) for info in infos], infos[0][3]


class NameResolver:
    """Asks the system's resolver in threads of its own."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="wkd-names")
        self._asked: dict[str, asyncio.Future[list[Sequence[str] | BaseException]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """At least one address."""
        answers = await self._answers(host)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, OSError):
                raise answer
        found = [address for answer in answers if isinstance(answer, Sequence) for address in answer[:MAX_ADDRESSES]]
        if not found:
            raise NoSuchName if all(_denies(answer) for answer in answers) else Failed(Reason.NAME)
        return found

    async def _answers(self, host: str) -> list[Sequence[str] | BaseException]:
        """Of each family, from a question that is shared with whoever asks at the same time."""
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = self._ask(host)
            asked.add_done_callback(lambda _: self._asked.pop(host, None))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Wait for nothing; threads that still block end with their call."""
        for asked in list(self._asked.values()):
            asked.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, host: str) -> asyncio.Future[list[Sequence[str] | BaseException]]:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(self._threads, self._resolve, host, family) for family in FAMILIES]
        return asyncio.gather(*calls, return_exceptions=True)


def _denies(answer: Sequence[str] | BaseException) -> bool:
    if isinstance(answer, Sequence):
        return not answer
    return isinstance(answer, socket.gaierror) and answer.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
