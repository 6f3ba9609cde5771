"""`pgp-relay check`: a line for each thing that the relay needs, ok or what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import typer

from relay.admin.check import Look
from relay.admin.check import check as look
from relay.cli.context import Json, context_of, run
from relay.cli.output import print_json
from relay.cli.table import Column, print_table

_COLUMNS = (
    Column("what"),
    Column("state", styles={"ok": "green", "fault": "red"}),
    Column("details", wraps=True),
)


def check(context: typer.Context, *, as_json: Json = False) -> None:
    """Check all that the relay needs, and say what to do.

    The exit status is 1 if something is down, 2 if the configuration is wrong.

    $ pgp-relay -c /etc/pgp-relay/config.yaml check
    """
    config = context_of(context).config()
    findings = run(look(config, *(_pickup_looks() if config.pickup.url else ())))
    if as_json:
        of_file = {"config": str(context_of(context).path)}
        print_json([{**asdict(each), **(of_file if each.name == "configuration" else {})} for each in findings])
    else:
        rows = [(found.name, "ok" if found.ok else "fault", found.message) for found in findings]
        print_table(_COLUMNS, rows)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _pickup_looks() -> Iterator[tuple[str, Look]]:
    from relay.admin import pickup  # noqa: PLC0415  loads what encrypts mail
    from relay.web.pickup.comparison import compare  # noqa: PLC0415  loads an HTTP client

    yield "pick-ups", pickup.look
    yield "page", compare
