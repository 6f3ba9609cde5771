"""What all commands share: which configuration file is used, and how coroutines are run."""

from __future__ import annotations

import os
import pwd
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:  # loading what a command is made of takes longer than most commands run
    from relay.config import Config
    from relay.store import Store

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(slots=True)
class Context:
    """The options before the command."""

    path: Path
    read: bool = False
    """Whether the configuration was read: then its name is shown at the end."""
    caller: str = field(default_factory=lambda: _caller(os.getuid(), os.environ))
    """The user who called the program, before it gives up root."""

    @property
    def actor(self) -> str:
        """Who changes keys, as the trace has it."""
        return f"cli:{self.caller}"

    def config(self, *, as_root: bool = False) -> Config:
        """The configuration, and from then on this process works as the owner of its keyring folder.

        What else root has to open is opened before. `as_root`: root goes on as root. A wrong configuration raises
        `ConfigError`, which ends the program with status 2; so does a file in it that the owner cannot read.
        """
        from relay.admin.owner import become_owner  # noqa: PLC0415  only commands that need it
        from relay.config import load  # noqa: PLC0415  likewise

        config = load(self.path)
        if not as_root and become_owner(config.keyring):
            config = load(self.path)
        self.read = True
        return config

    def public_config(self) -> Config:
        """The configuration for the public web service; from then on this process works as its database's owner."""
        return self._web_config(lambda config: config.web.database(config.keyring))

    def console_config(self) -> Config:
        """The configuration for the console; from then on this process works as its database's owner."""
        return self._web_config(lambda config: config.web.console_store(config.keyring), "console")

    def control_config(self, console: Config) -> Config | None:
        """The whole configuration, if the console's process does the work of `web control` too.

        None: another process does that, because `web.control` is set or somebody else owns the keyring folder.
        """
        from relay.admin.owner import is_owner  # noqa: PLC0415  only commands that need it
        from relay.config import load  # noqa: PLC0415  likewise

        return load(self.path) if console.web.control is None and is_owner(console.keyring) else None

    def _web_config(self, database_of: Callable[[Config], str | Path], *sections: str) -> Config:
        from relay.admin.owner import become_owner  # noqa: PLC0415  only commands that need it
        from relay.config import load_public  # noqa: PLC0415  likewise

        config = load_public(self.path, *sections)
        database = database_of(config)
        if isinstance(database, Path) and become_owner(database.parent):
            config = load_public(self.path, *sections)
        self.read = True
        return config


def _caller(uid: int, environment: Mapping[str, str]) -> str:
    """The user's name; for root by way of sudo, the name of the person."""
    if uid == 0 and (person := environment.get("SUDO_USER")):
        return person
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def context_of(context: typer.Context) -> Context:
    """The `Context` that the program's callback made."""
    found = context.obj
    if not isinstance(found, Context):
        raise TypeError("the callback of the program sets it")
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    import asyncio  # noqa: PLC0415  not every command runs a loop, and it takes long to load

    return asyncio.run(work)


def with_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run this work with the open store, and return its result."""
    from relay.daemon.storage import opened_store  # noqa: PLC0415  only commands that need it

    async def working() -> T:
        async with opened_store(config) as store:
            return await work(store)

    return run(working())
