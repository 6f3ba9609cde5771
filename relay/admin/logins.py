"""What the console asks about who logs in: persons by name, by link and by a login elsewhere. No act of a person.

The console looks at passwords and answers of providers; who somebody is, and their role, is said here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from relay.admin.persons import compared
from relay.model.console import LONGEST_SUBJECT, NAME, Known, Role, Way
from relay.model.errors import RelayError
from relay.store import Store

Arguments = Mapping[str, str]


class WrongLogin(RelayError):
    """The arguments cannot be used."""


async def person(store: Store, given: Arguments) -> Known | None:
    """Who has this name."""
    return await store.persons.one(_of(given, "name"))


async def invited(store: Store, given: Arguments) -> Known | None:
    """Whose one-time link this is."""
    return await store.persons.invited(_of(given, "token"))


async def enrolled(store: Store, given: Arguments) -> Known | None:
    """The same, and the link is used up."""
    known = await store.persons.invited(_of(given, "token"))
    return known if known and await store.persons.enrolled(_of(given, "token")) else None


async def met(store: Store, given: Arguments) -> Known | None:
    """Who has logged in elsewhere; a new person where nobody has that login or that name."""
    try:
        way, role = Way(_of(given, "way")), Role(_of(given, "role"))
    except ValueError:
        raise WrongLogin("no such way or role") from None
    name, subject = _of(given, "name"), _of(given, "subject")
    if way is Way.SUDO or not NAME.fullmatch(name) or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise WrongLogin("no such login")
    return await store.persons.met(way, compared(way, subject), name, role)


LOGINS: Mapping[str, Callable[[Store, Arguments], Awaitable[Known | None]]] = {
    "person": person,
    "invited": invited,
    "enrolled": enrolled,
    "met": met,
}


def _of(given: Arguments, name: str) -> str:
    if not given.get(name):
        raise WrongLogin(f"{name} is missing")
    return given[name]
