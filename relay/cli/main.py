"""The program `pgp-relay`: the global options and the list of commands.

Exit status: 0 done, 1 some of it failed (told item by item), 2 wrong use or a wrong configuration; 130 interrupted. A
foreseen failure is one sentence. Of an unforeseen one, only the type and the place in our code are shown
(`relay.telemetry.events.unforeseen`): the text of an exception may quote a mail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from relay.cli.commands import Commands
from relay.cli.context import Context
from relay.cli.output import complain, say
from relay.model.errors import ConfigError, RelayError

CONFIG = "config.yaml"
MACHINE = Path("/etc/pgp-relay") / CONFIG
"""The configuration file, if neither option nor environment names one."""

app = typer.Typer(
    name="pgp-relay",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="An SMTP relay behind Postfix that encrypts outgoing mail with OpenPGP.",
)


def _version(wanted: bool) -> None:  # noqa: FBT001  typer's callback
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  only for this

        say(f"pgp-relay {version('pgp-relay')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", envvar="PGP_RELAY_CONFIG", help="The configuration file."),
    ] = None,
    *,
    version: Annotated[  # noqa: ARG001  its callback ends the program
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Keep what all commands share."""
    context.obj = shared = Context(config or default_config(Path()))
    context.call_on_close(lambda: _name_file(shared))


def default_config(folder: Path) -> Path:
    """The configuration file if none is named: the machine's, or in a checkout of the project the one there."""
    here = folder / CONFIG
    return here if _is_checkout(folder) and here.exists() else MACHINE


def _is_checkout(folder: Path) -> bool:
    try:
        return 'name = "pgp-relay"' in (folder / "pyproject.toml").read_text("utf-8", "replace")
    except OSError:  # also where the folder is closed to this user
        return False


def _name_file(shared: Context) -> None:
    """On a terminal, print which configuration file was used."""
    if shared.read and sys.stdout.isatty() and sys.stderr.isatty():
        complain((f"configuration: {shared.path}", "dim"))


def main() -> None:
    """Run the command of `sys.argv`, and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an address may hold what is no UTF-8
    sys.exit(guarded(app))


def guarded(program: Callable[[], object]) -> int:
    """Run it; the exit status for whatever it raises (typer's own exits pass through)."""
    try:
        program()
    except ConfigError as error:
        for fault in error.faults:
            complain(str(fault))
        return 2
    except RelayError as error:
        complain(str(error) or type(error).__name__)
        return 1
    except Exception as error:  # noqa: BLE001  the last line of defence: nothing of it is shown
        from relay.telemetry import events  # noqa: PLC0415  takes long to load

        told = events.unforeseen(error)
        complain(f"Unforeseen: {told['error']} in {told['at']}. Please report this line; it holds no content.")
        return 1
    return 0
