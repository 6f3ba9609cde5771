"""`pgp-relay postfix …`: Postfix's side, shown, put in, taken out, and tried."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import postfix
from relay.admin.postfix import Outcome, Result
from relay.cli.context import Json, context_of, with_store
from relay.cli.output import fail, print_json, say
from relay.cli.table import Column, print_table
from relay.config import duration
from relay.model import Address
from relay.model.errors import AddressError

Egress = Annotated[bool, typer.Option("--egress", help="Filter mail where it leaves, instead of where it comes in.")]
Inbound = Annotated[bool, typer.Option("--inbound", help="For mail from outside, which the relay decrypts.")]
Mx = Annotated[
    str | None,
    typer.Option("--mx", metavar="SERVICE", help="With --inbound: the service of master.cf that takes this mail."),
]
Behind = Annotated[
    str,
    typer.Option(metavar="SERVICE", help="The smtpd of master.cf that takes mail back from another content filter."),
]
Folder = Annotated[
    Path | None,
    typer.Option("--config-dir", metavar="FOLDER", help="Postfix's configuration folder; default: the machine's."),
]

_WORDS = {
    Outcome.MET: "met the relay",
    Outcome.PASSED: "bypassed the relay",
    Outcome.INSIDE: "stays inside",
    Outcome.WAITS: "waits",
    Outcome.REFUSED: "not taken",
    Outcome.FORGED: "met, forged",
}
_COLUMNS = (
    Column("result", styles={"met": "green", "passed": "red", "waits": "yellow", "not": "yellow"}),
    Column("kind"),
    Column("way in", least=8, rank=1),
    Column("address", least=16),
    Column("detail", wraps=True),
)


def show(context: typer.Context, *, egress: Egress = False, inbound: Inbound = False) -> None:
    """Print the lines for main.cf and master.cf.

    $ pgp-relay postfix show
    """
    _one_way(egress=egress, inbound=inbound)
    config = context_of(context).config()
    sys.stdout.write(postfix.show_inbound(config) if inbound else postfix.show(config, egress=egress))


def install(  # noqa: PLR0913  each is an option
    context: typer.Context,
    *,
    config_dir: Folder = None,
    egress: Egress = False,
    inbound: Inbound = False,
    mx: Mx = None,
    behind: Behind = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Add the lines with postconf. It can be run again.

    $ pgp-relay postfix install && postfix reload
    """
    _one_way(egress=egress, inbound=inbound)
    if behind and (egress or inbound):
        fail("--behind is for a content_filter of main.cf: leave --egress and --inbound out", status=2)
    config, folder = context_of(context).config(as_root=True), config_dir or postfix.default_folder()
    if inbound:
        done = postfix.install_inbound(config, folder, named=mx, dry=dry_run)
    else:
        done = postfix.install(config, folder, egress=egress, behind=behind, dry=dry_run)
        if done.changed:
            postfix.refresh_inbound(config, folder)
    if done.diff and not as_json:
        say(done.diff)
    word = "nothing was changed" if done.diff else "installed" if done.changed else "installed already, nothing changed"
    _tell(done, word, as_json=as_json)


def uninstall(*, config_dir: Folder = None, inbound: Inbound = False, as_json: Json = False) -> None:
    """Remove the lines again.

    Both files are then byte for byte as they were.

    $ pgp-relay postfix uninstall && postfix reload
    """
    folder = config_dir or postfix.default_folder()
    done = postfix.uninstall_inbound(folder) if inbound else postfix.uninstall(folder)
    _tell(done, "uninstalled" if done.changed else "nothing to take out", as_json=as_json)


def check_path(  # noqa: PLR0913  each is an option
    context: typer.Context,
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]…", help="Addresses to probe; default: one of each kind.")
    ] = None,
    *,
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="The sender; default: the null sender.")
    ] = "",
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the probes.")] = "30s",
    inbound: Inbound = False,
    config_dir: Folder = None,
    as_json: Json = False,
) -> None:
    """Send probes, and report which of them met the relay.

    One probe for each way into Postfix and each kind of address.

    The relay does not deliver a probe. A probe that bypasses the relay is delivered, and its text explains what it
    is. Postfix and the relay have to run. The exit status is 1 if a probe that should have met the relay did not.

    With --inbound, a probe goes to postmaster of the first own domain, through the server that takes mail from
    outside. It carries forged Authentication-Results, and fails if they survive.

    $ pgp-relay postfix check-path
    """
    config = context_of(context).config()
    folder = config_dir or postfix.default_folder()
    named = [_ascii_address(text) for text in addresses or ()]
    from_, seconds = _ascii_address(sender) if sender else "", _seconds(wait)
    if inbound:
        id_ = config.inbound.authserv_id or config.hostname or socket.getfqdn()
        named = named or [f"postmaster@{domain}" for domain in config.own.domains[:1]]
        probes = postfix.InboundProbes(id_, named, from_)
        results = with_store(config, lambda store: postfix.check_inbound(folder, store.ledger, probes, seconds))
    else:
        results = with_store(config, lambda store: postfix.check(folder, store.ledger, named, from_, seconds))
    if as_json:
        print_json([_object(result) for result in results])
    else:
        print_table(_COLUMNS, map(_row, results))
    raise typer.Exit(int(_is_wrong(results)))


def _is_wrong(results: list[Result]) -> bool:
    """A probe bypassed the relay or waits, or no way in took one of some kind."""
    met = {result.sample.address for result in results if result.outcome in {Outcome.MET, Outcome.INSIDE}}
    wrong = any(result.outcome in {Outcome.PASSED, Outcome.WAITS, Outcome.FORGED} for result in results)
    return wrong or not met.issuperset(result.sample.address for result in results)


def _object(result: Result) -> dict[str, object]:
    return {
        "kind": result.sample.kind,
        "address": result.sample.address,
        "way": result.way,
        "outcome": result.outcome,
        "seen": result.seen,
        "detail": result.detail,
    }


def _row(result: Result) -> tuple[str, ...]:
    seen = ", ".join(address for address in result.seen if address != result.sample.address)
    detail = f"as {seen}" if seen else result.detail
    return _WORDS[result.outcome], result.sample.kind, result.way, result.sample.address, detail


def _ascii_address(text: str) -> str:
    try:
        address = Address(text)
    except AddressError as error:
        fail(f"{text}: {error}", status=2)
    if not address.is_ascii or address.ambiguous or address.nameless:
        fail(f"{text}: has to be name@domain, in ASCII", status=2)
    return text


def _seconds(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        fail(f"--wait: {error}", status=2)


def _one_way(*, egress: bool, inbound: bool) -> None:
    if egress and inbound:
        fail("--egress is for outgoing mail: install each of the two by itself", status=2)


def _tell(done: postfix.Done, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": done.changed, "notes": done.notes, **({"diff": done.diff} if done.diff else {})})
        return
    say(what)
    for note in done.notes:
        say(note)
