"""The console's users, as commands and the page of users manage them.

Raises `PersonError` with a sentence, and `StoreError`.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from relay.model.console import LONGEST_SUBJECT, NAME, Person, Role, Way
from relay.model.errors import RelayError
from relay.store import Store

LINK_LASTS = 86400.0
"""Seconds for which a one-time link is valid."""


class PersonError(RelayError):
    """The change of this person is not possible; the message says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link: its path below the console's URL."""

    name: str
    path: str


async def add(store: Store, name: str, role: Role, actor: str) -> Link:
    """Add a user. Returns the link by which they enrol."""
    if not NAME.fullmatch(name):
        raise PersonError(f"{name}: a name has letters, digits and . _ - @, at most 64")
    return await _invite(store, name, role, actor)


async def reset(store: Store, name: str, actor: str) -> Link:
    """Have a user enrol again, and end the user's sessions. Returns the new link."""
    return await _invite(store, name, None, actor)


async def enable(store: Store, name: str, actor: str, *, enabled: bool) -> None:
    """Enable or disable a user. Either ends the user's sessions."""
    if not await store.persons.enable(name, actor, enabled=enabled):
        raise _unknown(name)


async def link(store: Store, name: str, way: Way, subject: str, actor: str) -> None:
    """Record that this login belongs to the person."""
    if not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise PersonError(f"a login has 1 to {LONGEST_SUBJECT} printable characters")
    if not await store.persons.link(name, way, way.compared(subject), actor):
        owner = await store.persons.of_login(way, way.compared(subject))
        raise PersonError(f"{subject}: is {owner.person.name}'s login") if owner else _unknown(name)


async def unlink(store: Store, name: str, way: Way, subject: str, actor: str) -> None:
    """Remove a login from the person."""
    if not await store.persons.unlink(name, way, way.compared(subject), actor):
        raise PersonError(f"{subject}: is no login of {name}")


async def every(store: Store) -> list[Person]:
    """All persons, by name."""
    return await store.persons.all()


async def _invite(store: Store, name: str, role: Role | None, actor: str) -> Link:
    token = secrets.token_urlsafe(32)
    if not await store.persons.invite(name, role, token, time.time() + LINK_LASTS, actor):
        taken = f"{name}: there is somebody of that name already: pgp-relay console user reset {name}"
        raise PersonError(taken) if role else _unknown(name)
    return Link(name, f"/enrol/{token}")


def _unknown(name: str) -> PersonError:
    return PersonError(f"{name}: nobody has that name")
