"""The program `pgp-relay`: the global options and the list of commands.

Exit status: 0 done, 1 some of it failed (told item by item), 2 used wrongly or a wrong configuration.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from relay import events
from relay.cli import check, demo, explain, keys, postfix, serve, trace
from relay.cli.context import Context

app = typer.Typer(
    name="pgp-relay",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An SMTP relay behind Postfix that turns outgoing mail into OpenPGP mail.",
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("explain")(explain.explain)
app.command("trace")(trace.trace)
app.command("demo")(demo.demo)
app.add_typer(keys.app, name="keys")
app.add_typer(postfix.app, name="postfix")


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", "-c", envvar="PGP_RELAY_CONFIG", help="The configuration file.")
    ] = Path("config.yaml"),
) -> None:
    """Keep what all commands share."""
    events.configure(level="error")  # `serve` says otherwise; standard output is for results
    context.obj = Context(config)


def main() -> None:
    """Run the program."""
    sys.exit(app())
