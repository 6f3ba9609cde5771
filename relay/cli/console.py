"""`pgp-relay console user …`: who may log in to the console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from relay.admin import persons
from relay.cli.context import Json, context_of, with_store
from relay.cli.output import complain, fail, print_json, say
from relay.cli.table import Column, print_table
from relay.cli.values import one_of
from relay.model.console import NAME, Person, Role, Way
from relay.store import Store

T = TypeVar("T")

_COLUMNS = (
    Column("name", least=12),
    Column("role"),
    Column("state", styles={"enabled": "green", "disabled": "red"}),
    Column("logins", rank=1),
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name: letters, digits and . _ - @.")]
RoleName = Annotated[str, typer.Option("--role", metavar="ROLE", help=f"One of {', '.join(Role)}.")]
Oidc = Annotated[str, typer.Option("--oidc", metavar="SUBJECT", help="The provider's id for the user: its claim sub.")]
Ldap = Annotated[str, typer.Option("--ldap", metavar="DN", help="The user's entry in the directory.")]
Sudo = Annotated[str, typer.Option("--sudo", metavar="USER", help="The user's account on this machine, for commands.")]


def add(context: typer.Context, name: Name, role: RoleName, *, as_json: Json = False) -> None:
    """Add a user; prints a link that works once, for a day.

    With the link the user sets up a passkey, or a password and a second factor.

    $ pgp-relay console user add anne --role keys
    """
    if not NAME.fullmatch(name):
        fail(f"{name}: a name has letters, digits and . _ - @, at most 64", status=2)
    one_of("--role", role, Role)
    _tell(context, lambda store, actor: persons.add(store, name, Role(role), actor), as_json=as_json)


def reset(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Have a user enrol again; prints a new link.

    It works once, for a day. The user's passkeys, password and second factor stop working, and all sessions end.

    $ pgp-relay console user reset anne
    """
    _tell(context, lambda store, actor: persons.reset(store, name, actor), as_json=as_json)


def disable(context: typer.Context, name: Name) -> None:
    """Disable a user, and end all of the user's sessions.

    $ pgp-relay console user disable anne
    """
    _with(context, lambda store, actor: persons.enable(store, name, actor, enabled=False))
    say(f"{name}: disabled")


def enable(context: typer.Context, name: Name) -> None:
    """Enable a user again.

    $ pgp-relay console user enable anne
    """
    _with(context, lambda store, actor: persons.enable(store, name, actor, enabled=True))
    say(f"{name}: enabled")


def link(context: typer.Context, name: Name, *, oidc: Oidc = "", ldap: Ldap = "", sudo: Sudo = "") -> None:
    """Link a login elsewhere to a user.

    Both then count as one person where an action needs two.

    $ pgp-relay console user link anne --sudo amartin
    """
    way, subject = _login(oidc, ldap, sudo)
    _with(context, lambda store, actor: persons.link(store, name, way, subject, actor))
    say(f"{name}: {way} {subject}")


def unlink(context: typer.Context, name: Name, *, oidc: Oidc = "", ldap: Ldap = "", sudo: Sudo = "") -> None:
    """Undo `console user link`.

    $ pgp-relay console user unlink anne --sudo amartin
    """
    way, subject = _login(oidc, ldap, sudo)
    _with(context, lambda store, actor: persons.unlink(store, name, way, subject, actor))
    say(f"{name}: not {way} {subject} any more")


def list_(context: typer.Context, *, as_json: Json = False) -> None:
    """List the users.

    $ pgp-relay console user list
    """
    found = _with(context, lambda store, _actor: persons.every(store))
    if as_json:
        print_json([_object(each) for each in found])
    else:
        rows = [(each.name, each.role.value, _state(each), ", ".join(_logins(each))) for each in found]
        print_table(_COLUMNS, rows, nothing="nobody may log in yet")


def _login(oidc: str, ldap: str, sudo: str) -> tuple[Way, str]:
    given = [(way, subject) for way, subject in ((Way.OIDC, oidc), (Way.LDAP, ldap), (Way.SUDO, sudo)) if subject]
    if len(given) != 1:
        fail("name one login: --oidc, --ldap or --sudo", status=2)
    return given[0]


def _object(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "role": person.role,
        "enabled": person.enabled,
        "enrolled": person.enrolled,
        "logins": _logins(person),
    }


def _logins(person: Person) -> list[str]:
    return [f"{way}:{subject}" for way, subject in person.logins]


def _state(person: Person) -> str:
    if not person.enabled:
        return "disabled"
    return "enabled" if person.enrolled or person.logins else "not enrolled"


def _tell(context: typer.Context, work: Callable[[Store, str], Awaitable[persons.Link]], *, as_json: bool) -> None:
    config = context_of(context).config()
    link = with_store(config, lambda store: work(store, context_of(context).actor))
    whole = f"{config.console_address}{link.path}"
    if as_json:
        print_json({"name": link.name, "enrol": link.path, "link": whole})
        return
    say(whole)
    where = "link" if config.console_address else "path at the console"
    complain(f"{link.name} opens this {where} within a day, and chooses there how to log in.")


def _with(context: typer.Context, work: Callable[[Store, str], Awaitable[T]]) -> T:
    config, actor = context_of(context).config(), context_of(context).actor
    return with_store(config, lambda store: work(store, actor))
