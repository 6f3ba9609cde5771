"""`pgp-relay wkd …`: our own certificates, published where correspondents' software looks for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from relay.admin.owner import become_owner, stay_root
from relay.cli.context import Json, context_of, with_store
from relay.cli.output import print_json, say
from relay.config import Config

if TYPE_CHECKING:  # loads the sources
    from relay.admin.publishing import Look

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder, for DIR/DOMAIN/hu/HASH and DIR/DOMAIN/policy.")
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing: compare with what lookup.wkd finds.")]


def export(context: typer.Context, folder: Folder, *, check: Check = False, as_json: Json = False) -> None:
    """Write the Web Key Directory of all own domains as files.

    Serve the folder with a web server. Correspondents then encrypt to these addresses, so publish them only once
    incoming mail is decrypted (`inbound`).

    With --check, the exit status is 1 if an address is not found there as it is published.

    $ pgp-relay wkd export /srv/www/openpgpkey
    """
    if check:
        _check(context_of(context).config(as_root=True), folder, as_json=as_json)
        return
    count = _write(context_of(context).config(as_root=True), folder)
    if as_json:
        print_json({"addresses": count, "folder": str(folder)})
    else:
        say(f"{count} addresses in {folder}")


def _write(config: Config, folder: Path) -> int:
    """Write the tree, and return the number of addresses. Run by root, it reads and writes as the folders' owners."""
    from relay.admin import own  # noqa: PLC0415  loads the engines

    with TemporaryFile() as file, stay_root([partial(own.write_wkd, config, folder, file)]) as act:
        become_owner(config.keyring)
        count = with_store(config, lambda store: own.read_wkd(config, store, file))
        act(0)
    return count


def _check(config: Config, folder: Path, *, as_json: bool) -> None:
    from relay.admin import publishing  # noqa: PLC0415  loads the sources

    with TemporaryFile() as file, stay_root([partial(publishing.read_folder, config, folder, file)]) as act:
        become_owner(config.keyring)
        act(0)
        looks = with_store(config, lambda store: publishing.check_wkd(config, store, file))
    if as_json:
        print_json([{"address": look.address.text, "fault": look.fault or None} for look in looks])
    else:
        _tell(looks)
    if any(look.fault for look in looks):
        raise typer.Exit(1)


def _tell(looks: Sequence[Look]) -> None:
    wrong = [look for look in looks if look.fault]
    for look in wrong:
        say(f"{look.address.text}: {look.fault}")
    say(f"{len(looks) - len(wrong)} of {len(looks)} addresses are found as they are published")
