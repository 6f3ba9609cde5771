"""The values that fetching takes and returns, and its port. Imports little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

from relay.keys.wkd.guard import IPNetwork
from relay.model import Address, NotFound, Outage
from relay.model.errors import ConfigError, Fault

FETCHES = 64
"""The most fetches at a time, in each process of the relay."""
FETCHES_OF_A_DOMAIN = 2

Endpoint = tuple[str, int]
"""A host, by name or address, and a port."""


@dataclass(frozen=True, slots=True)
class Document:
    """Binary transferable public keys with user ids of the address; at least one."""

    method: str
    certificates: tuple[bytes, ...]
    """With no other user ids."""
    wholes: tuple[bytes, ...] = ()
    """The same ones with all their user ids; empty: they have no others."""


Fetched = Document | NotFound | Outage


class Fetch(Protocol):
    """Asks domains and keyservers for keys."""

    def fetched(self, address: Address, server: str = "") -> AbstractAsyncContextManager[Fetched]:
        """Ask the address's domain, or this keyserver (`https://host`), for the address's keys.

        The fetch holds one of the domain's places until the context ends.
        """

    async def close(self) -> None:
        """Release what is open; fetches under way have to have ended before."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`lookup.wkd` of the configuration."""

    timeout: float = 5.0
    ca_file: Path | None = None
    connect_to: Mapping[Endpoint, Endpoint] = field(default_factory=dict)
    allow_networks: Sequence[IPNetwork] = ()

    @classmethod
    def of(
        cls,
        *,
        timeout: float = 5.0,
        ca_file: Path | None = None,
        connect_to: Mapping[str, str] | None = None,
        allow_networks: Sequence[IPNetwork] = (),
    ) -> Self:
        """From `connect_to` as it is written, with `HOST:PORT`. Raises `ConfigError`."""
        places = {_endpoint(host): _endpoint(target) for host, target in (connect_to or {}).items()}
        return cls(timeout, ca_file, places, tuple(allow_networks))


def _endpoint(text: str) -> Endpoint:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise ConfigError((Fault("connect_to", 0, "an entry is HOST:PORT, an IPv6 address in brackets"),))
    return host, port
