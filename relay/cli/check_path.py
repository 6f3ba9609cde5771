"""`pgp-relay postfix check-path`: probes through Postfix, and which of them met the relay."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from relay.admin import postfix
from relay.admin.postfix import Outcome, Result
from relay.cli.context import Json, context_of, with_store
from relay.cli.options import Options
from relay.cli.output import fail, print_json
from relay.cli.postfix import Inbound
from relay.cli.table import Column, print_table
from relay.cli.values import PostfixFolder
from relay.config import Config, duration
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


@dataclass(frozen=True, slots=True)
class Probes(Options):
    """What is sent, and for how long its outcome is awaited. A wrong option ends the program when it is asked for."""

    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]…", help="Addresses to probe; default: one of each kind.")
    ] = None
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="The sender; default: the null sender.")] = ""
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the probes.")] = "30s"

    @property
    def named(self) -> list[str]:
        """The addresses; none: one of each kind."""
        return [_ascii_address(text) for text in self.addresses or ()]

    @property
    def reverse_path(self) -> str:
        """The address that probes are sent from, in ASCII; empty for the null reverse-path (RFC 5321 section 4.5.5)."""
        return _ascii_address(self.sender) if self.sender else ""

    @property
    def seconds(self) -> float:
        """The longest time to wait for the probes, in seconds."""
        try:
            return duration(self.wait)
        except ValueError as error:
            fail(f"--wait: {error}", status=2)


def check_path(
    context: typer.Context,
    *,
    probes: Probes,
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
    results = _results(config, config_dir or postfix.default_folder(), probes, inbound=inbound)
    if as_json:
        print_json([_object(result) for result in results])
    else:
        print_table(_COLUMNS, map(_row, results))
    raise typer.Exit(int(_is_wrong(results)))


def _results(config: Config, folder: Path, probes: Probes, *, inbound: bool) -> list[Result]:
    """Send them to Postfix, and see what becomes of each."""
    named, sender, seconds = probes.named, probes.reverse_path, probes.seconds
    if not inbound:
        return with_store(config, lambda store: postfix.check(folder, store.ledger, named, sender, seconds))
    id_ = config.inbound.authserv_id or config.hostname or socket.getfqdn()
    forged = postfix.InboundProbes(id_, named or [f"postmaster@{domain}" for domain in config.own.domains[:1]], sender)
    return with_store(config, lambda store: postfix.check_inbound(folder, store.ledger, forged, seconds))


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
