"""What every command shares: the configuration file that counts, and how its work is run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:  # loading what a command is made of takes longer than most commands run
    from relay.config import Config
    from relay.store import Store

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@dataclass(frozen=True, slots=True)
class Context:
    """The options before the command."""

    path: Path

    def config(self) -> Config:
        """The configuration; a wrong one raises `ConfigError`, which ends the program with status 2."""
        from relay.config import load  # noqa: PLC0415  only commands that need it

        return load(self.path)


def context_of(context: typer.Context) -> Context:
    """Ours, typed."""
    found = context.obj
    if not isinstance(found, Context):
        raise TypeError("the callback of the program sets it")
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end."""
    return asyncio.run(work)


def with_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """What this work makes of the open store."""
    from relay.daemon.resources import opened_store  # noqa: PLC0415  only commands that need it

    async def working() -> T:
        async with opened_store(config) as store:
            return await work(store)

    return run(working())
