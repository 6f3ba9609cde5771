"""`pgp-relay postfix …`: Postfix's side, shown, put in and taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relay import postfix
from relay.cli.context import context_of, fail, out
from relay.errors import PostfixError

app = typer.Typer(no_args_is_help=True, help="Postfix's main.cf and master.cf: show, install, uninstall.")

Egress = Annotated[bool, typer.Option("--egress", help="Where mail leaves instead of where it comes in.")]
Folder = Annotated[Path | None, typer.Option("--config-dir", help="Of another Postfix than the machine's.")]


@app.command()
def show(context: typer.Context, *, egress: Egress = False) -> None:
    """Print the lines for this configuration."""
    config = context_of(context).config()
    try:
        text = postfix.show(config, egress=egress)
    except PostfixError as error:
        fail(str(error))
    out.print(text, markup=False, end="")


@app.command()
def install(context: typer.Context, *, config_dir: Folder = None, egress: Egress = False) -> None:
    """Put the lines in with postconf; twice is the same as once."""
    config = context_of(context).config()
    try:
        done = postfix.install(config, config_dir or postfix.default_folder(), egress=egress)
    except PostfixError as error:
        fail(str(error))
    _tell(done, "installed" if done.changed else "installed already, nothing changed")


@app.command()
def uninstall(context: typer.Context, *, config_dir: Folder = None) -> None:
    """Take the lines out again: both files are byte for byte what they were."""
    context_of(context)
    try:
        done = postfix.uninstall(config_dir or postfix.default_folder())
    except PostfixError as error:
        fail(str(error))
    _tell(done, "uninstalled" if done.changed else "nothing to take out")


def _tell(done: postfix.Done, what: str) -> None:
    out.print(what, markup=False)
    for note in done.notes:
        out.print(note, markup=False)
