"""`pgp-relay postfix …`: Postfix's side, shown, put in and taken out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import postfix
from relay.cli.context import Json, context_of
from relay.cli.output import print_json, say

app = typer.Typer(no_args_is_help=True, help="Postfix's main.cf and master.cf: show, install, uninstall.")

Egress = Annotated[bool, typer.Option("--egress", help="Where mail leaves instead of where it comes in.")]
Folder = Annotated[Path | None, typer.Option("--config-dir", help="Of another Postfix than the machine's.")]


@app.command()
def show(context: typer.Context, *, egress: Egress = False) -> None:
    """Print the lines for main.cf and master.cf that this configuration asks for.

    $ pgp-relay postfix show
    """
    sys.stdout.write(postfix.show(context_of(context).config(), egress=egress))


@app.command()
def install(
    context: typer.Context, *, config_dir: Folder = None, egress: Egress = False, as_json: Json = False
) -> None:
    """Put the lines in with postconf; twice is the same as once.

    $ pgp-relay postfix install && postfix reload
    """
    config = context_of(context).config()
    done = postfix.install(config, config_dir or postfix.default_folder(), egress=egress)
    _tell(done, "installed" if done.changed else "installed already, nothing changed", as_json=as_json)


@app.command()
def uninstall(*, config_dir: Folder = None, as_json: Json = False) -> None:
    """Take the lines out again: both files are byte for byte what they were.

    $ pgp-relay postfix uninstall && postfix reload
    """
    done = postfix.uninstall(config_dir or postfix.default_folder())
    _tell(done, "uninstalled" if done.changed else "nothing to take out", as_json=as_json)


def _tell(done: postfix.Done, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": done.changed, "notes": done.notes})
        return
    say(what)
    for note in done.notes:
        say(note)
