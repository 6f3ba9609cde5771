"""The commands by name, each loaded when it is called: loading all of the relay takes longer than most of them do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

PLACES = {
    "serve": "serve:serve",
    "check": "check:check",
    "explain": "explain:explain",
    "trace": "trace:trace",
    "status": "status:status",
    "backup": "backup:make",
    "restore": "backup:restore",
    "demo": "demo:demo",
    "keys": "keys:app",
    "own": "own:app",
    "wkd": "wkd:app",
    "postfix": "postfix:app",
    "migrate": "migrate:app",
}
"""Module and name, below `relay.cli`: a command's function, or the `typer.Typer` of a group."""


class Commands(TyperGroup):
    """`pgp-relay` itself."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  as typer hands them on
        super().__init__(**attributes)
        self.commands = _Loaded()  # type: ignore[assignment]  # read only, as nobody adds to it


class _Loaded(Mapping[str, Any]):  # typer does not offer click's types
    """Each as it is asked for."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  likewise as typer hands them on
        module, _, attribute = PLACES[name].partition(":")
        found = getattr(import_module(f"relay.cli.{module}"), attribute)
        around = typer.Typer()
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=name)
        else:
            around.command(name)(found)
        return get_group(around).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)
