"""`pgp-relay console user …`: who may log in to the console."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from relay.cli.context import Json, context_of, run
from relay.cli.output import complain, fail, print_json, say
from relay.cli.table import Column, print_table
from relay.model.console import NAME, Person, Role
from relay.store.console import ConsoleStore

T = TypeVar("T")

DAY = 86400.0
_COLUMNS = (Column("name", least=12), Column("role"), Column("state", styles={"enabled": "green", "disabled": "red"}))

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and . _ - @.")]


def add(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help=", ".join(Role))],
    *,
    as_json: Json = False,
) -> None:
    """Let somebody in; prints a link that is good once, for a day.

    Behind the link the person sets a password and a second factor.

    $ pgp-relay console user add anne --role keys
    """
    if not NAME.fullmatch(name):
        fail(f"{name}: a name has letters, digits and . _ - @, at most 64", status=2)
    if role not in set(Role):
        fail(f"--role: one of {', '.join(Role)}", status=2)
    token = secrets.token_urlsafe(32)
    if not _with_store(context, lambda store: store.invite(name, Role(role), token, time.time() + DAY)):
        fail(f"{name}: there is somebody of that name already: pgp-relay console user reset {name}")
    _tell(name, token, as_json=as_json)


def reset(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Have somebody set password and second factor anew; prints a link that is good once, for a day.

    $ pgp-relay console user reset anne
    """
    token = secrets.token_urlsafe(32)
    if not _with_store(context, lambda store: store.invite(name, None, token, time.time() + DAY)):
        _fail_unknown(name)
    _tell(name, token, as_json=as_json)


def disable(context: typer.Context, name: Name) -> None:
    """Let somebody in no more; their sessions end.

    $ pgp-relay console user disable anne
    """
    if not _with_store(context, lambda store: store.enable(name, enabled=False)):
        _fail_unknown(name)
    say(f"{name}: disabled")


def enable(context: typer.Context, name: Name) -> None:
    """Let somebody in again.

    $ pgp-relay console user enable anne
    """
    if not _with_store(context, lambda store: store.enable(name, enabled=True)):
        _fail_unknown(name)
    say(f"{name}: enabled")


def list_(context: typer.Context, *, as_json: Json = False) -> None:
    """List who may log in.

    $ pgp-relay console user list
    """
    persons = _with_store(context, lambda store: store.persons())
    if as_json:
        print_json([{"name": p.name, "role": p.role, "enabled": p.enabled, "enrolled": p.enrolled} for p in persons])
    else:
        print_table(_COLUMNS, [(p.name, p.role.value, _state(p)) for p in persons], nothing="nobody may log in yet")


def _state(person: Person) -> str:
    if not person.enabled:
        return "disabled"
    return "enabled" if person.enrolled else "not enrolled"


def _tell(name: str, token: str, *, as_json: bool) -> None:
    path = f"/enrol/{token}"
    if as_json:
        print_json({"name": name, "enrol": path})
        return
    say(path)
    complain(f"{name} opens this path at the console within a day, and sets a password and a second factor there.")


def _fail_unknown(name: str) -> None:
    fail(f"{name}: nobody has that name")


def _with_store(context: typer.Context, work: Callable[[ConsoleStore], Awaitable[T]]) -> T:
    config = context_of(context).console_config()

    async def working() -> T:
        async with await ConsoleStore.open(config.web.console_store(config.keyring)) as store:
            return await work(store)

    return run(working())
