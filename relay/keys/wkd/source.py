"""WKD as a source of the chain (draft-koch-openpgp-webkey-service-21).

The advanced method; the direct one only where `openpgpkey.` of the domain does not resolve. NotFound is said
by somebody: a 404, an empty answer, an answer without the address, a domain neither of whose names exists,
a direct host that refuses the connection, an address whose domain can be no host name. Everything else that
is no certificate is an outage, with a `Reason`.

The domain is chosen by whoever writes the mail: see `guard`, `route`, `https`, `reading` and `answer` for what bounds
it. `timeout` is for all requests of one lookup together; waiting for a free place does not count. `lookup`
never raises.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from relay.errors import ConfigError, EngineError, Fault
from relay.keys.wkd import answer, names
from relay.keys.wkd.guard import Guard, IPNetwork
from relay.keys.wkd.https import Client, Line
from relay.keys.wkd.location import Location, locations
from relay.keys.wkd.reading import Reader
from relay.keys.wkd.reason import Failed, NoSuchName, NotListening, Reason
from relay.keys.wkd.route import Endpoint
from relay.model import Address, Certificate, Found, Lookup, NotFound, Origin, Outage, Unreadable, Unusable, Why
from relay.ports import Examiner

NAME = "wkd"


@dataclass(frozen=True, slots=True)
class _Document:
    method: str
    octets: bytes


class Wkd:
    """The source. One for a process; `close` when it ends."""

    def __init__(  # noqa: PLR0913 - the configuration's values, each by its name
        self,
        examiner: Examiner,
        *,
        timeout: float = 5.0,
        ca_file: Path | None = None,
        connect_to: Mapping[str, str] | None = None,
        allow_networks: Sequence[IPNetwork] = (),
        resolve: names.Resolve = names.resolve,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._examiner = examiner
        self._timeout = timeout
        self._clock = clock
        self._reader = Reader(timeout)
        self._names = names.Names(resolve)
        endpoints = {_endpoint(host): _endpoint(target) for host, target in (connect_to or {}).items()}
        self._client = Client(self._names, Guard(tuple(allow_networks)), endpoints, ca_file)

    @property
    def name(self) -> str:
        """As in the configuration."""
        return NAME

    async def lookup(self, address: Address) -> Lookup:
        """What the address's domain publishes for it."""
        places = locations(address)
        if places is None:
            return NotFound(NAME)
        async with self._client.line(address.domain) as line:
            fetched = await self._fetch(line, places)
            # still on the line: no domain has more answers in our hands than it has places
            return await self._judge(fetched, address) if isinstance(fetched, _Document) else fetched

    async def close(self) -> None:
        """Lookups under way are to have ended."""
        self._names.close()

    async def _fetch(self, line: Line, places: Sequence[Location]) -> _Document | NotFound | Outage:
        place = places[0]
        try:
            async with asyncio.timeout(self._timeout):
                for place in places:
                    with suppress(NoSuchName):
                        return _Document(place.method, await line.get(place.host, place.path))
        except TimeoutError:
            return Outage(NAME, Reason.TIMEOUT, place.method)
        except Failed as error:
            return Outage(NAME, error.reason, place.method)
        except NotListening:
            if place is not places[-1]:
                return Outage(NAME, Reason.CONNECTION, place.method)
        return NotFound(NAME, place.method)

    async def _judge(self, document: _Document, address: Address) -> Lookup:
        try:
            blobs = await self._reader.certificates(document.octets, address) if document.octets else []
            verdicts = await self._examiner.examine(blobs) if blobs else []
        except Failed as error:
            return Outage(NAME, error.reason, document.method)
        except EngineError:
            return Outage(NAME, Reason.EXAMINER, document.method)
        readable = [verdict for verdict in verdicts if isinstance(verdict, Certificate)]
        chosen = _chosen(readable, address, self._clock(), document.method)
        if isinstance(chosen, NotFound) and len(readable) < len(blobs):
            return _unreadable(blobs, verdicts, document.method)
        return chosen


def _chosen(
    certificates: Sequence[Certificate], address: Address, at: float, method: str
) -> Found | Unusable | NotFound:
    """The newest usable one; else why the newest is not."""
    newest_first = sorted(certificates, key=lambda certificate: certificate.primary.created, reverse=True)
    judged = [(certificate, certificate.unusable(at, address)) for certificate in newest_first]
    for certificate, why in judged:
        if why is None:
            return Found(certificate, Origin.WKD, NAME, method)
    for certificate, why in judged:
        if why not in {None, Why.NO_USER_ID}:
            return Unusable(why, certificate.fingerprint, Origin.WKD, NAME, method, certificate.expires)
    return NotFound(NAME, method)


def _unreadable(blobs: Sequence[bytes], verdicts: Sequence[Certificate | Unreadable], method: str) -> Unusable:
    """There is a key with this address, and nobody here can read it: that is not "no key"."""
    first = next(blob for blob, verdict in zip(blobs, verdicts, strict=True) if isinstance(verdict, Unreadable))
    why = Why.INVALID if answer.version(first) == 4 else Why.UNSUPPORTED
    return Unusable(why, "", Origin.WKD, NAME, method)


def _endpoint(text: str) -> Endpoint:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise ConfigError((Fault("connect_to", 0, "an entry is HOST:PORT, an IPv6 address in brackets"),))
    return host, port
