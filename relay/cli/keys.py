"""`pgp-relay keys …`: the correspondents' keys, and the relay's own."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from relay.cli.context import Json, context_of, fail, print_json, run, say
from relay.cli.key_listing import tell, tell_all_of
from relay.cli.keys_generate import generate
from relay.cli.keys_import import import_
from relay.cli.keys_lookup import lookup
from relay.config import Config
from relay.config.values import duration
from relay.daemon.resources import opened_store
from relay.mail.armor import enarmor
from relay.model import Address, Entry
from relay.model.errors import AddressError
from relay.store import Store

app = typer.Typer(no_args_is_help=True, help="The correspondents' keys, and the relay's own.")
app.command("import")(import_)
app.command("lookup")(lookup)

Fingerprint = Annotated[
    list[str],
    typer.Argument(metavar="FINGERPRINT", help="One key: in full, its beginning, or a key id; spaces do not count."),
]
Selector = Annotated[
    list[str], typer.Argument(metavar="ADDRESS|FINGERPRINT", help="One address, fingerprint or key id.")
]

_WHOLE = {16, 40, 64}
"""The lengths of a key id and of fingerprints: what is as long is no group of one."""


@app.command("list")
def list_(context: typer.Context, *, as_json: Json = False) -> None:
    """List all keys: whether each is usable, and until when.

    $ pgp-relay keys list
    """
    tell(run(_all(context_of(context).config())), as_json=as_json)


@app.command()
def show(context: typer.Context, selector: Selector, *, as_json: Json = False) -> None:
    """Show the keys of an address, or one key, with user ids and subkeys.

    $ pgp-relay keys show cabinet.lefevre@ville.example
    """
    wanted = _one_of(selector)
    entries = run(_selected(context_of(context).config(), wanted))
    if not entries:
        fail(f"no key is known for {wanted}")
    if as_json:
        tell(entries, as_json=True)
    else:
        tell_all_of(entries)


@app.command()
def remove(context: typer.Context, fingerprint: Fingerprint, *, as_json: Json = False) -> None:
    """Remove one key, and tell whose mail has none now.

    $ pgp-relay keys remove 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    removed, left = run(_remove(context_of(context).config(), _one_of(fingerprint)))
    if as_json:
        print_json({"fingerprint": removed, "without_key": left})
        return
    say(f"removed {removed}")
    for address in left:
        say(f"{address}: no key is left")


@app.command()
def export(context: typer.Context, fingerprint: Fingerprint) -> None:
    """Print one key, armored.

    $ pgp-relay keys export 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    entry = run(_found(context_of(context).config(), _one_of(fingerprint)))
    sys.stdout.write(enarmor(entry.certificate.data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n"))


@app.command()
def expiring(
    context: typer.Context,
    within: Annotated[str, typer.Option(help="60d, 2w, 12h …")] = "60d",
    *,
    as_json: Json = False,
) -> None:
    """List the keys that are usable now and will not be then; the next to go first.

    $ pgp-relay keys expiring --within 60d
    """
    config = context_of(context).config()
    try:
        seconds = duration(within)
    except ValueError as error:
        fail(f"--within: {error}", status=2)
    tell(run(_expiring(config, seconds)), as_json=as_json)


@app.command()
def approve(context: typer.Context, fingerprint: Fingerprint) -> None:
    """Use a proposed key from now on, beside the one that was imported.

    $ pgp-relay keys approve 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    say(f"approved {run(_decide(context_of(context).config(), _one_of(fingerprint), 'approve'))}")


@app.command()
def reject(context: typer.Context, fingerprint: Fingerprint) -> None:
    """Take a proposed key out, and do not have it proposed again.

    $ pgp-relay keys reject 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    say(f"rejected {run(_decide(context_of(context).config(), _one_of(fingerprint), 'reject'))}")


app.command("generate")(generate)


def _one_of(words: list[str]) -> str:
    """One name of a key, its spaces in it."""
    name = " ".join(words)
    if len(words) > 1 and any("@" in word or len(word.removeprefix("0x")) in _WHOLE for word in words):
        fail(f"{name}: one key at a time", status=2)
    return name


async def _all(config: Config) -> list[Entry]:
    async with opened_store(config) as store:
        return [entry async for entry in store.certificates.iterate()]


async def _selected(config: Config, selector: str) -> list[Entry]:
    async with opened_store(config) as store:
        if "@" in selector:
            try:
                return await store.certificates.by_address(Address(selector))
            except AddressError as error:
                fail(str(error), status=2)
        return await store.certificates.search(selector)


async def _found(config: Config, fingerprint: str) -> Entry:
    async with opened_store(config) as store:
        return await _one(store, fingerprint)


async def _one(store: Store, fingerprint: str) -> Entry:
    found = await store.certificates.search(fingerprint)
    if len(found) != 1:
        fail(f"{fingerprint}: {'no key has it' if not found else 'several keys begin so, give more digits'}")
    return found[0]


async def _remove(config: Config, fingerprint: str) -> tuple[str, list[str]]:
    """What was removed, and the addresses that no stored key is left for."""
    async with opened_store(config) as store:
        certificate = (await _one(store, fingerprint)).certificate
        await store.certificates.remove(certificate.fingerprint)
        bare = [a.text for a in certificate.addresses if not await store.certificates.by_address(a)]
    return certificate.fingerprint, bare


async def _expiring(config: Config, within: float) -> list[Entry]:
    async with opened_store(config) as store:
        return [entry for entry in await store.certificates.expiring(within) if not entry.proposed]


async def _decide(config: Config, fingerprint: str, verdict: Literal["approve", "reject"]) -> str:
    async with opened_store(config) as store:
        found = (await _one(store, fingerprint)).certificate.fingerprint
        decide = store.certificates.approve if verdict == "approve" else store.certificates.reject
        if not await decide(found):
            fail(f"{found}: is not proposed, there is nothing to {verdict}")
    return found
