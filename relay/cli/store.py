"""`pgp-relay store`: the store as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.admin.copying import copy as copied
from relay.cli.context import Json, context_of, run
from relay.cli.output import complain, print_json, say
from relay.model.database_url import without_password
from relay.telemetry.status_client import ask

To = Annotated[
    str,
    typer.Option(
        "--to", metavar="URL", help="postgresql://user@host/name, or sqlite:////path (sqlite:///file: in this folder)."
    ),
]


def copy(context: typer.Context, *, to: To, as_json: Json = False) -> None:
    """Copy the store into an empty database of the other kind.

    From SQLite to PostgreSQL, or back. Every row is compared, and the trace is verified. Stop the relay first, and
    change `database` in the configuration afterwards.

    $ pgp-relay store copy --to postgresql://relay@db1.hopital.example/pgp_relay
    """
    config = context_of(context).config()
    if ask(config.keyring) is not None:
        complain("the relay runs: what it writes from now on will be missing in the copy")
    found = run(copied(config, to))
    if as_json:
        heads = [{"node": head.chain, "number": head.link.number, "hash": head.link.hash.hex()} for head in found.heads]
        print_json({"to": without_password(to), "rows": found.rows, "heads": heads})
        return
    say(f"{without_password(to)}: {sum(found.rows.values())} rows copied and compared")
    for head in found.heads:
        say(f"newest  {head}")
