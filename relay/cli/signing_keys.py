"""`pgp-relay keys generate` and `keys revoke`: the relay's signing keys, in the GnuPG home."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from relay.admin import signing_keys
from relay.cli import values
from relay.cli.confirming import Yes, assure
from relay.cli.context import Json, context_of, run, with_store
from relay.cli.new_key import print_key
from relay.cli.output import complain, fail
from relay.daemon.engines import passphrase
from relay.openpgp import home, signing

_FINGERPRINT = re.compile(r"[0-9A-F]{40}")
_NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f<>@]+")


Name = Annotated[str, typer.Argument(help="The owner's name, as correspondents will see it.")]
Address = Annotated[str, typer.Argument(help="Its mail address.")]
SigningKey = Annotated[list[str], typer.Argument(metavar="FINGERPRINT", help="A signing key of the relay.")]


def generate(context: typer.Context, name: Name, address: Address, *, as_json: Json = False) -> None:
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
    print_key(key, as_json=as_json)
    complain(f"The relay signs with it once the configuration says so: sign: {{default: {key.fingerprint}}}")


def revoke(context: typer.Context, fingerprint: SigningKey, *, yes: Yes = False) -> None:
    """Revoke a signing key that the relay no longer uses.

    Prints its armored public key with the revocation: give it to the correspondents.

    $ pgp-relay keys revoke 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08 --yes
    """
    name = "".join(fingerprint).removeprefix("0x").upper()
    if not _FINGERPRINT.fullmatch(name):
        fail(f"{' '.join(fingerprint)}: give the whole fingerprint, 40 digits", status=2)
    assure(yes=yes)
    config, actor = context_of(context).config(), context_of(context).actor
    sys.stdout.write(with_store(config, lambda store: signing_keys.revoke(config, store, name, actor)))
