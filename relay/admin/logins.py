"""What the console asks about people who log in: find a person by name, by a one-time link, or by a login elsewhere.

Not an act of a person. The console verifies passwords and the answers of providers; who the person is, and their role,
is decided here.
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
    """The person with this name; None where there is none."""
    return await store.persons.one(_of(given, "name"))


async def invited(store: Store, given: Arguments) -> Known | None:
    """The person whose one-time link this is; None where it is not valid."""
    return await store.persons.invited(_of(given, "token"))


async def enrolled(store: Store, given: Arguments) -> Known | None:
    """The same as `invited`, and the link is used up."""
    known = await store.persons.invited(_of(given, "token"))
    return known if known and await store.persons.enrolled(_of(given, "token")) else None


async def met(store: Store, given: Arguments) -> Known | None:
    """The person with this login elsewhere. A new person is made where nobody has this login or this name."""
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
