"""What the console asks about people who log in: find a person by name, by a one-time link, or by a login elsewhere.

These are requests of the console itself, not of a person. The console verifies passwords and the answers of providers;
this module decides who the person is, and their role.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from relay.admin.acts.site import Site
from relay.config.console import Login
from relay.model.console import LONGEST_SUBJECT, NAME, Known, Role, Way
from relay.model.errors import RelayError

Arguments = Mapping[str, str]


class WrongLogin(RelayError):
    """The arguments cannot be used."""


async def person(site: Site, given: Arguments) -> Known | None:
    """The person with this name; None where there is none."""
    return await site.store.persons.one(_of(given, "name"))


async def invited(site: Site, given: Arguments) -> Known | None:
    """The person whose one-time link this is; None where it is not valid."""
    return await site.store.persons.invited(_of(given, "token"))


async def enrolled(site: Site, given: Arguments) -> Known | None:
    """The same as `invited`, and the link is used up."""
    known = await site.store.persons.invited(_of(given, "token"))
    return known if known and await site.store.persons.enrolled(_of(given, "token")) else None


async def met(site: Site, given: Arguments) -> Known | None:
    """The person with this login elsewhere. A new person is made where nobody has this login or this name.

    Only a way that the configuration has gives logins, and only the roles that it gives there: the console cannot make
    an administrator where people have no login elsewhere.
    """
    try:
        way, role = Way(_of(given, "way")), Role(_of(given, "role"))
    except ValueError:
        raise WrongLogin("no such way or role") from None
    name, subject = _of(given, "name"), _of(given, "subject")
    if role not in _given_there(site.config.console.login, way):
        raise WrongLogin("no such login")
    if not NAME.fullmatch(name) or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise WrongLogin("no such login")
    return await site.store.persons.met(way, way.compared(subject), name, role)


LOGINS: Mapping[str, Callable[[Site, Arguments], Awaitable[Known | None]]] = {
    "person": person,
    "invited": invited,
    "enrolled": enrolled,
    "met": met,
}


def _given_there(ways: Login, way: Way) -> Collection[Role]:
    """The roles that groups of a provider or directory give; none where there is no such way."""
    keys = {Way.OIDC: ways.oidc, Way.LDAP: ways.ldap}.get(way)
    return keys.groups if keys else ()


def _of(given: Arguments, name: str) -> str:
    if not given.get(name):
        raise WrongLogin(f"{name} is missing")
    return given[name]
