"""`pgp-relay own publish ldap`: write our own certificates into a directory, for partners' software."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from relay.cli.context import Json, context_of, with_store
from relay.cli.output import print_json, say


class Place(StrEnum):
    """Where they are published."""

    LDAP = "ldap"


Where = Annotated[Place, typer.Argument(metavar="ldap", help="The directory that own.ldap names.")]


def publish(context: typer.Context, place: Where, *, as_json: Json = False) -> None:
    """Write all published certificates into a directory.

    It uses GnuPG's schema, version 2, and deletes there what is no longer published. Run it again after each change.

    $ pgp-relay own publish ldap
    """
    from relay.admin import publishing  # noqa: PLC0415  loads the sources

    config = context_of(context).config()
    count = with_store(config, lambda store: publishing.publish_ldap(config, store))
    if as_json:
        print_json({"addresses": count, "place": place.value})
    else:
        say(f"{count} certificates written")
