"""The commands by name, each loaded when it is called: loading all of the relay takes longer than most of them do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from relay.cli.options import spread

Command = Any  # typer carries its own copy of click, whose types it does not offer


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that have a first word in common."""

    help: str
    places: Mapping[str, str | Group]


KEYS = Group(
    "The correspondents' keys, and the relay's own.",
    {
        "list": "keys:list_",
        "show": "keys:show",
        "import": "keys_import:import_",
        "lookup": "keys_lookup:lookup",
        "remove": "keys:remove",
        "export": "keys:export",
        "expiring": "keys:expiring",
        "proposals": "proposals:proposals",
        "approve": "proposals:approve",
        "reject": "proposals:reject",
        "bind": "bindings:bind",
        "unbind": "bindings:unbind",
        "bindings": "bindings:bindings",
        "generate": "signing_keys:generate",
        "revoke": "signing_keys:revoke",
    },
)
CONFIG = Group(
    "The configuration: tested, shown, compared with the defaults.",
    {"test": "config:prove", "show": "config:show", "diff": "config:diff", "get": "config:get"},
)
POSTFIX = Group(
    "Postfix's main.cf and master.cf: show, install, uninstall, check.",
    {
        "show": "postfix:show",
        "install": "postfix:install",
        "uninstall": "postfix:uninstall",
        "check-path": "check_path:check_path",
    },
)
OWN = Group(
    "Certificates for our own mail addresses.",
    {
        "create": "own:create",
        "add": "own:add",
        "remove": "own:remove",
        "list": "own:list_",
        "show": "own:show",
        "allow": "own:allow",
        "disallow": "own:disallow",
        "rotate": "own:rotate",
        "revoke": "own:revoke",
        "certify": "own:certify",
        "publish": "own_publish:publish",
    },
)
NODE = Group(
    "The nodes that hand each other their secret keys.",
    {"add": "node:add", "list": "node:list_", "remove": "node:remove"},
)
PICKUP = Group(
    "Mail that its recipients open in a browser.",
    {
        "list": "pickup:list_",
        "show": "pickup:show",
        "resend": "pickup:resend",
        "withdraw": "pickup:withdraw",
        "extend": "pickup:extend",
        "preset": "pickup:preset",
    },
)
CONSOLE_USER = Group(
    "Who may log in to the console.",
    {
        "add": "console:add",
        "list": "console:list_",
        "enable": "console:enable",
        "disable": "console:disable",
        "reset": "console:reset",
        "link": "console:link",
        "unlink": "console:unlink",
    },
)
PLACES: Mapping[str, str | Group] = {
    "setup": "setup:setup",
    "check": "check:check",
    "status": "status:status",
    "explain": "explain:explain",
    "trace": "trace:trace",
    "nodes": "nodes:nodes",
    "node": NODE,
    "held": "held:held",
    "keys": KEYS,
    "own": OWN,
    "inbound": Group("Incoming mail that waits.", {"open": "inbound:open_"}),
    "wkd": Group("Our own certificates, as a Web Key Directory.", {"export": "wkd:export"}),
    "web": Group(
        "The web service for everybody, and the console.",
        {"public": "web:public", "hashes": "web:hashes", "console": "web:console", "control": "web:control"},
    ),
    "pickup": PICKUP,
    "console": Group("The console's users.", {"user": CONSOLE_USER}),
    "config": CONFIG,
    "postfix": POSTFIX,
    "serve": "serve:serve",
    "store": Group("The store of keys, ledger and trace.", {"copy": "store:copy"}),
    "backup": "backup:make",
    "restore": "backup:restore",
    "migrate": Group("Migrate from another program.", {"zeyple": "migrate:zeyple"}),
    "demo": "demo:demo",
}
"""Module and function below `relay.cli`, in the order of `--help`."""


class Commands(TyperGroup):
    """The command `pgp-relay`, which imports the module of a subcommand when that is called."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  as typer hands them on
        super().__init__(**attributes)
        self.commands = _Loaded(PLACES)  # type: ignore[assignment]  # read only, as nobody adds to it


class _Loaded(Mapping[str, Command]):
    """Each as it is asked for."""

    def __init__(self, places: Mapping[str, str | Group]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Command:
        place = self._places[name]
        if isinstance(place, Group):
            group = TyperGroup(name=name, help=place.help, no_args_is_help=True, rich_markup_mode=None)
            group.commands = _Loaded(place.places)  # type: ignore[assignment]  # as above
            return group
        module, _, function = place.partition(":")
        around = typer.Typer(rich_markup_mode=None)
        around.command(name)(spread(getattr(import_module(f"relay.cli.{module}"), function)))
        command = get_group(around).commands[name]
        for parameter in command.params:
            if parameter.param_type_name == "argument":  # help would name Python's type: <list[str]>
                vars(parameter)["display_type_rich"] = lambda ctx: None  # noqa: ARG005  typer's method
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def modules() -> list[str]:
    """Every module with a command in it."""
    return sorted({place.partition(":")[0] for place in _places(PLACES)})


def _places(group: Mapping[str, str | Group]) -> Iterator[str]:
    for place in group.values():
        if isinstance(place, Group):
            yield from _places(place.places)
        else:
            yield place
