"""`pgp-relay keys …`: the correspondents' keys, and the relay's own."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Literal

import typer
from rich.table import Table

from relay.app import opened_store
from relay.cli.context import context_of, fail, out, print_json, run
from relay.cli.imports import import_
from relay.cli.lookup import lookup
from relay.cli.times import moment
from relay.config import Config
from relay.config.values import duration
from relay.engines import passphrase
from relay.errors import AddressError
from relay.mail.armor import enarmor
from relay.model import Address, Entry
from relay.openpgp import home, signing

app = typer.Typer(no_args_is_help=True, help="The correspondents' keys, and the relay's own.")
app.command("import")(import_)
app.command("lookup")(lookup)

Json = Annotated[bool, typer.Option("--json", help="Machine output.")]
Selector = Annotated[str, typer.Argument(metavar="ADDRESS|FINGERPRINT")]


@app.command("list")
def list_(context: typer.Context, *, as_json: Json = False) -> None:
    """List all keys with their verdict."""
    _print(run(_all(context_of(context).config())), as_json=as_json)


@app.command()
def show(context: typer.Context, selector: Selector, *, as_json: Json = False) -> None:
    """Show the keys of an address, or one key."""
    entries = run(_selected(context_of(context).config(), selector))
    if not entries:
        fail(f"no key is known for {selector}")
    _print(entries, as_json=as_json)


@app.command()
def remove(context: typer.Context, fingerprint: str) -> None:
    """Remove one key."""
    config = context_of(context).config()
    entry = run(_one(config, fingerprint))
    run(_remove(config, entry))
    out.print(f"removed {entry.certificate.fingerprint}", markup=False)


@app.command()
def export(context: typer.Context, fingerprint: str) -> None:
    """Print one key, armored."""
    entry = run(_one(context_of(context).config(), fingerprint))
    sys.stdout.write(enarmor(entry.certificate.data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n"))


@app.command()
def expiring(
    context: typer.Context,
    within: Annotated[str, typer.Option(help="60d, 2w, 12h …")] = "60d",
    *,
    as_json: Json = False,
) -> None:
    """List the keys that are usable now and will not be then; the next to go first."""
    config = context_of(context).config()
    try:
        seconds = duration(within)
    except ValueError as error:
        fail(f"--within: {error}", status=2)
    _print(run(_expiring(config, seconds)), as_json=as_json)


@app.command()
def approve(context: typer.Context, fingerprint: str) -> None:
    """Use a proposed key from now on, beside the one that was imported."""
    out.print(f"approved {run(_decide(context_of(context).config(), fingerprint, 'approve'))}", markup=False)


@app.command()
def reject(context: typer.Context, fingerprint: str) -> None:
    """Take a proposed key out, and do not have it proposed again."""
    out.print(f"rejected {run(_decide(context_of(context).config(), fingerprint, 'reject'))}", markup=False)


@app.command()
def generate(context: typer.Context, name: str, address: str) -> None:
    """Make a signing key for the relay; prints its fingerprint and the armored public key."""
    config = context_of(context).config()
    try:
        owner = Address(address)
    except AddressError as error:
        fail(str(error), status=2)
    home.prepare(config.keyring)
    key = run(signing.generate(config.keyring, name, owner.text, passphrase=passphrase(config)))
    sys.stdout.write(f"{key.fingerprint}\n{key.armored_public}")


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


async def _one(config: Config, fingerprint: str) -> Entry:
    async with opened_store(config) as store:
        found = await store.certificates.search(fingerprint)
    if len(found) != 1:
        fail(f"{fingerprint}: {'no key has it' if not found else 'several keys begin so, give more digits'}")
    return found[0]


async def _remove(config: Config, entry: Entry) -> None:
    async with opened_store(config) as store:
        await store.certificates.remove(entry.certificate.fingerprint)


async def _expiring(config: Config, within: float) -> list[Entry]:
    async with opened_store(config) as store:
        return [entry for entry in await store.certificates.expiring(within) if not entry.proposed]


async def _decide(config: Config, fingerprint: str, verdict: Literal["approve", "reject"]) -> str:
    entry = await _one(config, fingerprint)
    found = entry.certificate.fingerprint
    async with opened_store(config) as store:
        decide = store.certificates.approve if verdict == "approve" else store.certificates.reject
        if not await decide(found):
            fail(f"{found}: is not proposed, there is nothing to {verdict}")
    return found


def _print(entries: list[Entry], *, as_json: bool) -> None:
    objects = [_object(entry) for entry in entries]
    if as_json:
        print_json(objects)
        return
    table = Table(box=None)
    for name in ("fingerprint", "addresses", "origin", "expires", "verdict"):
        table.add_column(name, no_wrap=name == "fingerprint", overflow="fold")
    for one in objects:
        verdict = "usable" if one["usable"] else str(one["reason"])
        verdict += f", weak: {one['reason']}" if one["weak"] and one["usable"] else ""
        verdict += " (proposed)" if one["proposed"] else ""
        addresses = one["addresses"]
        table.add_row(
            str(one["fingerprint"]),
            ", ".join(addresses) if isinstance(addresses, list) else "",
            str(one["origin"]),
            str(one["expires"] or "never"),
            verdict,
        )
    out.print(table)


def _object(entry: Entry) -> dict[str, object]:
    certificate = entry.certificate
    why = certificate.unusable(time.time())
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": [address.text for address in certificate.addresses],
        "origin": entry.origin.value,
        "created": moment(certificate.primary.created),
        "expires": moment(certificate.expires),
        "usable": why is None,
        "weak": bool(certificate.weaknesses),
        "reason": why.value if why else ", ".join(certificate.weaknesses) or None,
        "proposed": entry.proposed,
    }
