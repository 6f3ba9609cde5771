"""`pgp-relay wkd …`: our own certificates, published where correspondents' software looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relay.cli.context import context_of, with_store
from relay.cli.output import say


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="DIR/DOMAIN/hu/HASH and DIR/DOMAIN/policy are made.")],
) -> None:
    """Write the Web Key Directory of all own domains as files.

    For a web server.

    Correspondents then encrypt to these addresses, and this version opens no incoming mail: publish no address whose
    mail nobody can open.

    $ pgp-relay wkd export /srv/www/openpgpkey
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    config = context_of(context).config()
    count = with_store(config, lambda store: own.export_wkd(config, store, folder))
    say(f"{count} addresses in {folder}")
