"""`pgp-relay keys generate`: a signing key for the relay, in the GnuPG home."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from relay.cli import values
from relay.cli.context import Json, context_of, run
from relay.cli.output import complain, fail, print_json
from relay.daemon.engines import passphrase
from relay.openpgp import home, signing

_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f<>@]+")


def generate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The owner's name, as correspondents will see it.")],
    address: Annotated[str, typer.Argument(help="Its mail address.")],
    *,
    as_json: Json = False,
) -> None:
    """Make a signing key for the relay.

    Prints its fingerprint and the armored public key.

    $ pgp-relay keys generate "Hôpital Exemple" relais@hopital.example
    """
    config = context_of(context).config()
    if not _NAME.fullmatch(name):
        fail("a key has a name without <, > and @", status=2)
    owner = values.address(address)
    home.prepare(config.keyring)
    key = run(signing.generate(config.keyring, name, owner.text, passphrase=passphrase(config)))
    if as_json:
        print_json({"fingerprint": key.fingerprint, "public_key": key.armored_public})
    else:
        sys.stdout.write(f"{key.fingerprint}\n{key.armored_public}")
    complain(f"The relay signs with it once the configuration says so: sign: {{default: {key.fingerprint}}}")
