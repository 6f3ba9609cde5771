"""`pgp-relay keys …`: the correspondents' keys, and the relay's own."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from relay.admin import keys
from relay.cli.context import Json, context_of, with_store
from relay.cli.display import Display
from relay.cli.key_listing import Bound, tell, tell_all_of, tell_several
from relay.cli.key_names import Fingerprint, one_name
from relay.cli.options import Options
from relay.cli.output import fail, print_json, say
from relay.cli.values import address, given, one_of
from relay.config.values import duration
from relay.model import Entry, Origin, normalise_domain
from relay.model.binding import patterns_by_key
from relay.store import Store

Selector = Annotated[
    list[str], typer.Argument(metavar="ADDRESS|FINGERPRINT", help="One address, fingerprint or key id.")
]
Sort = Annotated[str, typer.Option(metavar="ORDER", help="Sort by addresses, expires or origin.")]
Within = Annotated[str, typer.Option(metavar="AGE", help="How soon: 60d, 2w, 12h …")]


@dataclass(frozen=True, slots=True)
class Wanted(Options):
    """Which keys are listed: each option that is given leaves some out."""

    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Only keys with this in an address, a name or the fingerprint.")
    ] = ""
    expired: Annotated[bool, typer.Option("--expired", help="Only those that have expired.")] = False
    unusable: Annotated[bool, typer.Option("--unusable", help="Only those that must not be used.")] = False
    proposed: Annotated[bool, typer.Option("--proposed", help="Only those that wait to be approved.")] = False
    origin: Annotated[str, typer.Option(metavar="ORIGIN", help="Only imported, ldap, wkd, ….")] = ""
    within: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only usable ones that expire within 30d, 2w, 12h ….")
    ] = None
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Only those of this domain.")] = ""

    def filter(self) -> keys.Filter:
        """The same in terms of the store; a wrong option ends the program."""
        if self.origin:
            one_of("--origin", self.origin, [each.value for each in Origin if each is not Origin.OWN])
        return keys.Filter(
            text=self.text,
            domain=normalise_domain(self.domain) if self.domain else "",
            origin=self.origin,
            expired=self.expired,
            unusable=self.unusable,
            proposed=self.proposed,
            within=given("--within", duration, self.within),
        )


def list_(context: typer.Context, *, wanted: Wanted, sort: Sort = "addresses", display: Display) -> None:
    """List the keys: whose each is, whether it is usable, until when.

    $ pgp-relay keys list --within 30d
    """
    one_of("--sort", sort, keys.SORTS)
    chosen = wanted.filter()
    entries, bound = _with_bindings(context, lambda store: keys.every(store, chosen, sort))
    tell(entries, display, bound)
    if not display.as_json:
        tell_several(entries)


def show(context: typer.Context, selector: Selector, *, display: Display) -> None:
    """Show the keys of an address, or one key, in full.

    $ pgp-relay keys show cabinet.lefevre@ville.example
    """
    name = one_name(selector)
    wanted = address(name) if "@" in name else name
    entries, bound = _with_bindings(context, lambda store: keys.named(store, wanted))
    if not entries:
        fail(f"no key is known for {name}")
    if display.as_json:
        tell(entries, display, bound)
    else:
        tell_all_of(entries, display.look, bound)


def remove(context: typer.Context, fingerprint: Fingerprint, *, as_json: Json = False) -> None:
    """Remove one key, and list the addresses left without one.

    $ pgp-relay keys remove 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    name = one_name(fingerprint)
    config, actor = context_of(context).config(), context_of(context).actor
    removed = with_store(config, lambda store: keys.remove(store, name, actor))
    _tell_removed(removed, as_json=as_json)


def _tell_removed(removed: keys.Removed, *, as_json: bool) -> None:
    left = [each.text for each in removed.without_key]
    if as_json:
        print_json({"fingerprint": removed.fingerprint, "without_key": left})
        return
    say(f"removed {removed.fingerprint}")
    for each in left:
        say(f"{each}: no key is left")


def export(context: typer.Context, fingerprint: Fingerprint) -> None:
    """Print one key, armored.

    $ pgp-relay keys export 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    from relay.mail.armor import enarmor  # noqa: PLC0415  only for this

    name = one_name(fingerprint)
    entry = with_store(context_of(context).config(), lambda store: keys.one(store, name))
    sys.stdout.write(enarmor(entry.certificate.data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n"))


def expiring(context: typer.Context, within: Within = "60d", *, display: Display) -> None:
    """List the usable keys that expire soon, the next one first.

    $ pgp-relay keys expiring --within 60d
    """
    seconds = given("--within", duration, within)
    entries, bound = _with_bindings(context, lambda store: keys.expiring(store, seconds or 0.0))
    tell(entries, display, bound)


def _with_bindings(
    context: typer.Context, work: Callable[[Store], Awaitable[list[Entry]]]
) -> tuple[list[Entry], Bound]:
    """Keys, and what each is bound to."""

    async def both(store: Store) -> tuple[list[Entry], Bound]:
        return await work(store), patterns_by_key(await store.bindings.all())

    return with_store(context_of(context).config(), both)
