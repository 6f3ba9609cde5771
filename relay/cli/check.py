"""`pgp-relay check`: a line for each thing that the relay needs, ok or what to do."""

from __future__ import annotations

from dataclasses import asdict

import typer

from relay.admin import pickup
from relay.admin.check import check as look
from relay.cli.context import Json, context_of, run
from relay.cli.output import print_json
from relay.cli.table import Column, print_table
from relay.web.pickup.comparison import compare

_COLUMNS = (
    Column("what"),
    Column("state", styles={"ok": "green", "fault": "red"}),
    Column("details", wraps=True),
)


def check(context: typer.Context, *, as_json: Json = False) -> None:
    """Look at all that the relay needs: ok, or what to do.

    Status 1 when something is down, 2 when the configuration is wrong.

    $ pgp-relay -c /etc/pgp-relay/config.yaml check
    """
    config = context_of(context).config()
    more = [("pick-ups", pickup.look), ("page", compare)] if config.pickup.url else []
    findings = run(look(config, *more))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [(found.name, "ok" if found.ok else "fault", found.message) for found in findings]
        print_table(_COLUMNS, rows)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
