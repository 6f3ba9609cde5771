"""`pgp-relay own …`: certificates for our own mail addresses."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from relay.cli.confirming import Yes, assure
from relay.cli.context import Json, context_of, with_store
from relay.cli.display import Display
from relay.cli.new_key import print_key
from relay.cli.output import complain, fail, say
from relay.cli.own_listing import tell
from relay.model import Address
from relay.model.errors import AddressError

if TYPE_CHECKING:  # loading what a command is made of takes longer than most commands run
    from relay.config import Config
    from relay.store import Store

T = TypeVar("T")

Organisation = Annotated[str, typer.Argument(help="The organisation's name, as correspondents will see it.")]
Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="Own mail addresses.")]
OptionalAddresses = Annotated[
    list[str] | None, typer.Argument(metavar="[ADDRESS…]", help="Own addresses; without any, all of them.")
]
One = Annotated[str, typer.Argument(metavar="ADDRESS", help="An own mail address.")]
Others = Annotated[
    list[str], typer.Argument(metavar="OTHER…", help="Own addresses whose encrypted mail ADDRESS may read.")
]
Unlisted = Annotated[bool, typer.Option("--unlisted", help="Do not publish them in the Web Key Directory.")]
Imported = Annotated[list[str], typer.Argument(metavar="FINGERPRINT", help="A partner's key, already imported.")]


def create(context: typer.Context, name: Organisation, *, as_json: Json = False) -> None:
    """Make the organisation's key, which certifies own addresses.

    Prints its fingerprint and certificate.

    $ pgp-relay own create "Hôpital Exemple"
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines
    from relay.daemon.engines import passphrase  # noqa: PLC0415  likewise

    key = _with(context, lambda config, store, actor: own.create(config, store, name, passphrase(config), actor))
    print_key(key, as_json=as_json)


def add(context: typer.Context, addresses: Addresses, *, unlisted: Unlisted = False, as_json: Json = False) -> None:
    """Make a certificate for each address that has none.

    $ pgp-relay own add dr.martin@hopital.example accueil@hopital.example
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    wanted = _addresses(addresses)
    made = _with(context, lambda config, store, actor: own.add(config, store, wanted, actor, listed=not unlisted))
    tell(made, Display(as_json=as_json))


def remove(context: typer.Context, addresses: Addresses, *, as_json: Json = False) -> None:
    """Retire addresses: their certificates are published revoked.

    They stay published for a year. Mail encrypted to them can still be opened.

    $ pgp-relay own remove ancien.medecin@hopital.example
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    wanted = _addresses(addresses)
    changed = _with(context, lambda config, store, actor: own.remove(config, store, wanted, actor))
    tell(changed, Display(as_json=as_json))


def list_(context: typer.Context, *, display: Display) -> None:
    """List the own addresses, and when their subkeys expire.

    $ pgp-relay own list
    """
    known = with_store(context_of(context).config(), lambda store: store.own_keys.all())
    tell(known, display)


def show(context: typer.Context, address: One) -> None:
    """Print the certificate of an address as it is published, armored.

    $ pgp-relay own show dr.martin@hopital.example
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    (wanted,) = _addresses([address])
    sys.stdout.write(with_store(context_of(context).config(), lambda store: own.show(store, wanted)))


def allow(context: typer.Context, address: One, others: Others) -> None:
    """Let mail to OTHER be opened for ADDRESS too.

    For a secretary, or a shared mailbox.

    $ pgp-relay own allow secretariat@hopital.example dr.martin@hopital.example
    """
    _allow(context, address, others, allowed=True)


def disallow(context: typer.Context, address: One, others: Others) -> None:
    """Undo `own allow`.

    $ pgp-relay own disallow secretariat@hopital.example dr.martin@hopital.example
    """
    _allow(context, address, others, allowed=False)


def rotate(context: typer.Context, addresses: OptionalAddresses = None, *, as_json: Json = False) -> None:
    """Make a new encryption subkey now.

    Mail encrypted to the old one can still be opened.

    $ pgp-relay own rotate dr.martin@hopital.example
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    wanted = _addresses(addresses or [])
    changed = _with(context, lambda config, store, actor: own.rotate(config, store, wanted, actor))
    tell(changed, Display(as_json=as_json))


def revoke(context: typer.Context, address: One, *, yes: Yes = False) -> None:
    """Revoke the certificate of an address and publish that.

    $ pgp-relay own revoke dr.martin@hopital.example --yes
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    (wanted,) = _addresses([address])
    assure(yes=yes)
    key = _with(context, lambda config, store, actor: own.revoke(config, store, wanted, actor))
    say(f"revoked {key.fingerprint}")
    complain("If your own web server publishes certificates, run: pgp-relay wkd export FOLDER")


def certify(context: typer.Context, fingerprint: Imported) -> None:
    """Certify a partner's key and print it.

    The organisation's key signs its user ids. Give the printed key back to the partner: whoever trusts your
    organisation (`authorities`) then trusts it.

    $ pgp-relay own certify 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    from relay.admin import own  # noqa: PLC0415  loads the engines

    _, armored = _with(context, lambda config, store, actor: own.certify(config, store, " ".join(fingerprint), actor))
    sys.stdout.write(armored)


def _allow(context: typer.Context, address: str, others: Sequence[str], *, allowed: bool) -> None:
    from relay.admin import own  # noqa: PLC0415  loads the engines

    (reader,), keys = _addresses([address]), _addresses(others)
    _with(context, lambda config, store, actor: own.allow(config, store, reader, keys, actor, allowed=allowed))


def _with(context: typer.Context, work: Callable[[Config, Store, str], Awaitable[T]]) -> T:
    config, actor = context_of(context).config(), context_of(context).actor
    return with_store(config, lambda store: work(config, store, actor))


def _addresses(texts: Sequence[str]) -> list[Address]:
    found = []
    for text in texts:
        try:
            found.append(Address(text))
        except AddressError as error:
            fail(f"{text}: {error}", status=2)
        if not found[-1].domain:
            fail(f"{text}: an address has a local part and a domain", status=2)
    return found
