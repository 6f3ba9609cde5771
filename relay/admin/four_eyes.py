"""Acts that need a second person (`console.four_eyes`): whoever asks first approves, the act is done for the second.

Checked here for pages and commands alike: they call the same functions. A person is a record of the store, to whom
logins belong; who asks as `console:anne` is anne, who asks as `cli:amartin` the person with the sudo login `amartin`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from relay.config import Config
from relay.model.console import Person, Role, Way
from relay.model.errors import RelayError
from relay.store import Store

Watched = Literal["approve", "bind", "own"]

_LEAST: Mapping[Watched, Role] = {"approve": Role.KEYS, "bind": Role.KEYS, "own": Role.ADMIN}


class SecondPersonNeeded(RelayError):
    """The approval was recorded and nothing was done; the message says what is missing."""


class NoPerson(RelayError):
    """The actor cannot approve this; the message says why."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An act that may need two persons."""

    kind: Watched
    words: str
    """The act in words, for the trace and for people."""
    details: tuple[str, ...]
    """All that the act depends on: an approval is for exactly this."""

    @property
    def digest(self) -> bytes:
        """The digest by which an approval names this act."""
        return hashlib.sha256(json.dumps([self.kind, *self.details]).encode()).digest()

    @property
    def roles(self) -> Collection[Role]:
        """The roles that may approve this act."""
        order = tuple(Role)
        return order[order.index(_LEAST[self.kind]) :]


async def agreed(config: Config, store: Store, deed: Deed, actor: str) -> None:
    """Return where it may be done now; the first approval is used up by then.

    Raises `SecondPersonNeeded` for the first person, `NoPerson` for who may not approve it.
    """
    if deed.kind not in config.console.four_eyes:
        return
    person = await _permitted(store, deed, actor)
    if not await store.approvals.agree(deed.digest, person.name, deed.roles, deed.words, actor):
        raise _needed(deed)


async def would_agree(config: Config, store: Store, deed: Deed, actor: str) -> None:
    """Return or raise as `agreed` would; nothing is recorded."""
    if deed.kind not in config.console.four_eyes:
        return
    person = await _permitted(store, deed, actor)
    if await waiting(config, store, deed) in {"", person.name}:
        raise _needed(deed)


async def waiting(config: Config, store: Store, deed: Deed) -> str:
    """The name of the person who has approved it; empty where nobody has."""
    if deed.kind not in config.console.four_eyes:
        return ""
    return await store.approvals.given(deed.digest, deed.roles)


def _needed(deed: Deed) -> SecondPersonNeeded:
    return SecondPersonNeeded(f"{deed.words}: waits for a second person, who has to ask for the same within 24 hours")


async def _permitted(store: Store, deed: Deed, actor: str) -> Person:
    """The person who asks, whose role may approve this."""
    person = await _person(store, actor)
    if person.role not in deed.roles:
        raise NoPerson(f"{person.name}: the role {person.role} may not approve this")
    return person


async def _person(store: Store, actor: str) -> Person:
    kind, _, name = actor.partition(":")
    known = await (store.persons.one(name) if kind == "console" else store.persons.of_login(Way.SUDO, name))
    if known is None:
        raise NoPerson(
            f"{name} is linked to no user here, and this needs two persons: "
            f"pgp-relay console user link NAME --sudo {name}"
        )
    if not known.person.enabled:
        raise NoPerson(f"{known.person.name} is disabled")
    return known.person
