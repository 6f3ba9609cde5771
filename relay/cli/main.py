"""The program `pgp-relay`: the global options and the list of commands.

Exit status: 0 done, 1 some of it failed (told item by item), 2 used wrongly or a wrong configuration; 130 where a
person interrupted it. What is foreseen to fail is one sentence. Of what is not, only the type and the place in our
code are told (`relay.telemetry.events.unforeseen`): the text of an exception may quote a mail.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from relay.cli.commands import Commands
from relay.cli.context import Context
from relay.cli.output import complain
from relay.model.errors import ConfigError, RelayError
from relay.telemetry import events

# Where the configuration is looked for when nothing names it.
HERE = Path("config.yaml")
MACHINE = Path("/etc/pgp-relay/config.yaml")

app = typer.Typer(
    name="pgp-relay",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An SMTP relay behind Postfix that turns outgoing mail into OpenPGP mail.",
)


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", envvar="PGP_RELAY_CONFIG", help="The configuration file.")
    ] = None,
) -> None:
    """Keep what all commands share."""
    there = (file for file in (HERE, MACHINE) if os.access(file, os.F_OK))  # the folder may be closed to this user
    context.obj = Context(config or next(there, HERE))


def main() -> None:
    """Run the program."""
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
        told = events.unforeseen(error)
        complain(f"Unforeseen: {told['error']} in {told['at']}. Please report this line; it holds no content.")
        return 1
    return 0
