"""aiohttp's resolver and socket factory for one domain, with the address guard.

The guard checks every answer of the name service, and again the address that a socket is about to be connected to: a
second, different answer (DNS rebinding) does not pass, nor does an address in place of a name. Places that an
administrator named in `connect_to` are exempt, for that host alone.

Raises `NoSuchName` and `Failed`, which aiohttp wraps.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from weakref import WeakSet

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from relay.keys.wkd.dns import NameResolver
from relay.keys.wkd.guard import Guard
from relay.keys.wkd.port import Endpoint
from relay.keys.wkd.reason import Failed, Reason


class GuardedResolver(AbstractResolver):
    """One domain's: what it learns from `connect_to` counts for no other."""

    def __init__(self, names: NameResolver, guard: Guard, connect_to: Mapping[Endpoint, Endpoint]) -> None:
        self._names = names
        self._guard = guard
        self._connect_to = connect_to
        self._named: set[Endpoint] = set()
        self._sockets: WeakSet[socket.socket] = WeakSet()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """At least one address, of either family whatever is asked: aiohttp is never told of one."""
        del family
        named = self._connect_to.get((host, port))
        if named:
            addresses, port = await self._addresses(named[0]), named[1]
            self._named |= {(address, port) for address in addresses}
        else:
            addresses = [address for address in await self._addresses(host) if self._guard.permits(address)]
        if not addresses:
            raise Failed(Reason.ADDRESS)
        return [_result(host, address, port) for address in _routed(addresses)]

    def socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for exactly this address."""
        family, kind, protocol, _, address = info
        host, port = str(address[0]), int(address[1])
        if (host, port) not in self._named and not self._guard.permits(host):
            raise Failed(Reason.ADDRESS)
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    def cut(self) -> None:
        """End every connection made so far, now and without a word."""
        for made in self._sockets:
            with suppress(OSError):  # closed, or never connected
                made.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Nothing: no connection is kept here."""

    async def _addresses(self, host: str) -> list[str]:
        return [host] if _is_address(host) else await self._names.addresses(host)


def _routed(addresses: list[str]) -> list[str]:
    """Those this machine has a route to, if any: where IPv6 is missing, its error must not hide IPv4's."""
    return [address for address in addresses if _has_route(address)] or addresses


def _has_route(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))  # a datagram socket: nothing is sent
    except OSError:
        return False
    return True


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=flags)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
