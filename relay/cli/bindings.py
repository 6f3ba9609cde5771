"""`pgp-relay keys bind`, `unbind` and `bindings`: keys for more than one address."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import alias_rules
from relay.admin import bindings as admin
from relay.cli.context import Json, context_of, with_store
from relay.cli.display import Display
from relay.cli.output import fail, print_json, say
from relay.cli.release import Flush, release
from relay.cli.table import Column, Row
from relay.cli.times import Full, Look

_COLUMNS = (
    Column("pattern", least=20),
    Column("state", styles={"usable": "green", "unusable": "red"}),
    Column("signs", rank=2),
    Column("keys", rank=1),
    Column("reason", least=12, rank=3),
)


Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATTERN FINGERPRINT…]", help="An address, *@domain or *@*.domain, and its keys."),
]
Signs = Annotated[bool, typer.Option("--signs", help="Signatures by these keys are good for these addresses too.")]
Pattern = Annotated[str, typer.Argument(metavar="PATTERN", help="The pattern, as it was bound.")]
Rules = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Alias rules of Thunderbird (JSON); - for standard input.")
]


def bind(  # noqa: PLR0913  each is an option
    context: typer.Context,
    words: Words = None,
    *,
    signs: Signs = False,
    flush: Flush = False,
    file: Rules = None,
    as_json: Json = False,
) -> None:
    """Encrypt all mail to an address, or to a domain, to these keys.

    For a partner's gateway that has one key for its domain, or a mailbox that several people read. Import the keys
    first. Mail is encrypted to all of them; if one of them must not be used, the mail is refused or held, never
    encrypted to fewer. An imported key of the exact address takes precedence, then a binding of the address, then the
    one with the longest domain. Binding a pattern again replaces its keys. With --file, all rules are bound or none.

    $ pgp-relay keys bind '*@partenaire.example' 8C3A1D5E0B7F4A6299E1C0D4B2F6A7E31D5C9B08
    """
    wanted = _read(file, signs=signs) if file else _written(words or [], signs=signs)
    if file and words:
        fail("name a file or a pattern with its keys, not both", status=2)
    config, actor = context_of(context).config(), context_of(context).actor
    bound = with_store(config, lambda store: admin.bind(config, store, wanted, actor))
    _tell(bound, as_json=as_json)
    release(config, {key for each in bound for key in each.binding.fingerprints}, flush=flush, as_json=as_json)


def unbind(context: typer.Context, pattern: Pattern) -> None:
    """Remove a binding. The keys stay.

    $ pgp-relay keys unbind '*@partenaire.example'
    """
    config, actor = context_of(context).config(), context_of(context).actor
    say(f"unbound {with_store(config, lambda store: admin.unbind(config, store, pattern, actor))}")


def bindings(context: typer.Context, *, full: Full = False, as_json: Json = False) -> None:
    """List the bindings, and whether each may be used.

    $ pgp-relay keys bindings
    """
    config = context_of(context).config()
    found = with_store(config, lambda store: admin.every(config, store))
    Display(full=full, as_json=as_json).print_all(_COLUMNS, found, _row, _object, nothing="no key is bound")


def _written(words: Sequence[str], *, signs: bool) -> list[admin.Wanted]:
    pattern, *keys = words or [""]
    if not keys:
        fail("name a pattern and its keys, or a file (--file)", status=2)
    return [admin.Wanted(pattern, keys, signs)]


def _read(file: Path, *, signs: bool) -> list[admin.Wanted]:
    try:
        octets = sys.stdin.buffer.read(alias_rules.LARGEST + 1) if str(file) == "-" else _octets(file)
    except OSError as error:
        fail(f"{file}: {error.strerror}", status=2)
    try:
        return alias_rules.read(octets, signs=signs)
    except alias_rules.RulesError as error:
        fail(f"{file}: {error}")


def _octets(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(alias_rules.LARGEST + 1)


def _tell(bound: Sequence[admin.Judged], *, as_json: bool) -> None:
    if as_json:
        print_json([_object(each) for each in bound])
        return
    for each in bound:
        told = f"not usable: {each.reason}" if each.reason else ""
        say(f"bound {each.binding.pattern}", (f": {told}" if told else "", "red"))


def _object(each: admin.Judged) -> dict[str, object]:
    """The object that `--json` prints."""
    return {
        "pattern": each.binding.pattern,
        "fingerprints": list(each.binding.fingerprints),
        "signs": each.binding.signs,
        "usable": not each.reason,
        "reason": each.reason or None,
    }


def _row(each: admin.Judged, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    keys = ", ".join(look.key(fingerprint) for fingerprint in each.binding.fingerprints)
    state = "unusable" if each.reason else "usable"
    return each.binding.pattern, state, "yes" if each.binding.signs else "no", keys, each.reason
