"""`pgp-relay postfix check-path`: probes through Postfix, and which of them met the relay."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from relay.admin import postfix
from relay.admin.postfix import Outcome, Result
from relay.cli.context import Json, context_of, with_store
from relay.cli.output import fail, print_json
from relay.cli.postfix import Inbound
from relay.cli.table import Column, print_table
from relay.cli.values import PostfixFolder
from relay.config import duration
from relay.model import Address
from relay.model.errors import AddressError

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
    config_dir: PostfixFolder = None,
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
