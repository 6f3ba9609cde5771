"""Logging somebody in by a directory: found by name, then bound as, with their password (RFC 4513 section 5.1).

The name is escaped in the filter. A bind without a password is anonymous (section 5.1.2): an empty one is refused
before anything is sent. Everything is done by processes of their own, within one time. Raises `Unavailable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

from relay.keys.ldap.connection import Connection
from relay.keys.ldap.filter import escape
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.server import Server

DN = "dn"
LONGEST = 1000
"""The most characters of a password."""
_MEMBER = "(|(member={dn})(uniqueMember={dn}){uid})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the directory people and their groups are, and how they are found."""

    base: str
    filter: str
    """The search filter; `{name}` stands for the typed name."""
    groups: Collection[str]
    """The DNs of the groups that give a role."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person who has logged in: entry and groups."""

    dn: str
    groups: frozenset[str]
    """Those of `Place.groups` that have the person as a member."""


async def authenticated(server: Server, place: Place, name: str, password: str) -> Member | None:
    """The person with this name and password; None where they do not match. `server` has the login for the search."""
    if not name or not 0 < len(password) <= LONGEST or "\0" in password:
        return None
    try:
        async with asyncio.timeout(server.timeout):
            return await _authenticated(server, place, name, password)
    except TimeoutError as error:
        raise Unavailable(Reason.TIMEOUT) from error


async def _authenticated(server: Server, place: Place, name: str, password: str) -> Member | None:
    connection = await Connection.start()
    try:
        await connection.login(server)
        found = await connection.find(place.base, place.filter.replace("{name}", escape(name)), subtree=True)
        if len(found) != 1 or not (dn := _dn(found[0])) or not await _binds(server, dn, password):
            return None
        member = _MEMBER.format(dn=escape(dn), uid=await _member_uid(connection, dn, name))
        groups = [group for group in place.groups if await connection.find(group, member, subtree=False)]
        return Member(dn, frozenset(groups))
    finally:
        connection.kill()
        await connection.reap()


async def _member_uid(connection: Connection, dn: str, name: str) -> str:
    """What a group says of the person who is listed by uid; empty where the typed name is no uid of the entry's.

    The entry may have been found by another attribute, which people may choose themselves.
    """
    name = escape(name)
    return f"(memberUid={name})" if await connection.find(dn, f"(uid={name})", subtree=False) else ""


async def _binds(server: Server, dn: str, password: str) -> bool:
    """Whether a bind as this entry succeeds. In a process of its own: the one that searches keeps its own login."""
    connection = await Connection.start()
    try:
        await connection.login(replace(server, bind_dn=dn, password=password))
    except Unavailable as error:
        if error.reason is Reason.CREDENTIALS:
            return False
        raise
    finally:
        connection.kill()
        await connection.reap()
    return True


def _dn(entry: Entry) -> str:
    try:
        return entry[DN][0].decode()
    except (KeyError, IndexError, ValueError):
        return ""
