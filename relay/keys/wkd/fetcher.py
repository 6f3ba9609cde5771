"""What a domain publishes for an address, fetched and cut down to that address: nothing of it is judged here.

The advanced method; the direct one only where `openpgpkey.` of the domain does not resolve. `NotFound` needs an answer:
a 404, an empty answer, an answer without the address, a domain neither of whose names exists, a direct host that
refuses the connection, an address whose domain can be no host name. Everything else that is no certificate is an
outage, with a `Reason`.

The domain is chosen by whoever writes the mail: see `guard`, `connector`, `https` and `answer` for what bounds
it. `timeout` is for all requests of one address together; waiting for a free place does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

from relay.keys.wkd import dns
from relay.keys.wkd.answer import cut_and_whole
from relay.keys.wkd.guard import Guard
from relay.keys.wkd.https import Client, Connection
from relay.keys.wkd.port import Document, Fetched, Settings
from relay.keys.wkd.reason import NAME, Failed, NoSuchName, NotListening, Reason
from relay.model import Address, NotFound, Outage
from relay.model.wkd_location import Location, locations

BY_EMAIL = "vks/by-email"
"""The method of a keyserver (`relay.keys.wkd.keyservers`)."""


class Fetcher:
    """Asks from this process. Raises `ConfigError` where `ca_file` cannot be used."""

    def __init__(self, settings: Settings, resolve: dns.Resolve = dns.resolve) -> None:
        self._timeout = settings.timeout
        self._names = dns.NameResolver(resolve)
        self._client = Client(self._names, Guard(tuple(settings.allow_networks)), settings.connect_to, settings.ca_file)

    @asynccontextmanager
    async def fetched(self, address: Address, server: str = "") -> AsyncIterator[Fetched]:
        """Ask the address's domain, or this keyserver, for its key; see `port.Fetch`."""
        if server:
            host = server.removeprefix("https://")
            async with self._client.connection(host) as connection:
                yield await self._from_keyserver(connection, host, address)
            return
        places = locations(address)
        if places is None:
            yield NotFound(NAME)
            return
        async with self._client.connection(address.domain) as connection:
            yield await self._fetch(connection, places, address)

    async def close(self) -> None:
        """Close its connections and its resolver; see `port.Fetch`."""
        self._names.close()
        await self._client.close()

    async def _fetch(self, connection: Connection, places: Sequence[Location], address: Address) -> Fetched:
        place = places[0]
        try:
            async with asyncio.timeout(self._timeout):
                for place in places:
                    with suppress(NoSuchName):
                        octets = await connection.get(place.host, place.path)
                        break
                else:
                    return NotFound(NAME, place.method)
            return _document(octets, address, place.method)
        except TimeoutError:
            return Outage(NAME, Reason.TIMEOUT, place.method)
        except Failed as error:
            return Outage(NAME, error.reason, place.method)
        except NotListening:
            if place is not places[-1]:
                return Outage(NAME, Reason.CONNECTION, place.method)
            return NotFound(NAME, place.method)

    async def _from_keyserver(self, connection: Connection, host: str, address: Address) -> Fetched:
        """Only what the server itself answers is "not found": whoever named it expects it to be there."""
        name = f"{address.local}@{address.domain}" if address.domain else address.local
        path = f"/vks/v1/by-email/{quote(name.encode('utf-8', 'surrogateescape'), safe='')}"
        try:
            async with asyncio.timeout(self._timeout):
                return _document(await connection.get(host, path), address, BY_EMAIL)
        except TimeoutError:
            return Outage(NAME, Reason.TIMEOUT, BY_EMAIL)
        except Failed as error:
            return Outage(NAME, error.reason, BY_EMAIL)
        except NoSuchName:
            return Outage(NAME, Reason.NAME, BY_EMAIL)
        except NotListening:
            return Outage(NAME, Reason.CONNECTION, BY_EMAIL)


def _document(octets: bytes, address: Address, method: str) -> Document | NotFound:
    found = cut_and_whole(octets, address) if octets else []
    if not found:
        return NotFound(NAME, method)
    return Document(method, tuple(cut for cut, _ in found), tuple(whole for _, whole in found))
