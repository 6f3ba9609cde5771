"""`pgp-relay keys lookup`: what each source answers for an address, when, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.admin.lookup import ask_sources
from relay.cli import values
from relay.cli.context import context_of, run
from relay.cli.display import Display
from relay.cli.table import Column, Row
from relay.cli.times import Look, moment
from relay.keys.asking import SourceReport
from relay.model import Found, Lookup, NotFound, Outage, Unusable

_STYLES = {"found": "green", "unusable": "red", "unavailable": "yellow"}
_COLUMNS = (
    Column("source"),
    Column("result", styles=_STYLES),
    Column("key"),
    Column("asked", rank=1),
    Column("seconds", rank=2, right=True),
    Column("reason", wraps=True),
)


Wanted = Annotated[str, typer.Argument(help="The address to look up.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ask now, even if an answer is cached.")]


def lookup(context: typer.Context, address: Wanted, *, fresh: Fresh = False, display: Display) -> None:
    """Ask each source of keys for an address, in their order.

    What is found is used from now on, as if a mail had asked.

    $ pgp-relay keys lookup --fresh cabinet.lefevre@ville.example
    """
    wanted = values.address(address)
    answers = run(ask_sources(context_of(context).config(), wanted, fresh=fresh))
    display.print_all(_COLUMNS, answers, _row, _object)


def _object(told: SourceReport) -> dict[str, object]:
    """The object that `--json` prints."""
    result, fingerprint, reason = _result(told.lookup)
    return {
        "source": told.source,
        "method": told.lookup.method or None,
        "result": result,
        "fingerprint": fingerprint,
        "reason": reason,
        "seconds": round(told.seconds, 4),
        "time": moment(told.asked),
    }


def _row(told: SourceReport, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    result, fingerprint, reason = _result(told.lookup)
    return (
        told.lookup.method or told.source,
        result,
        ", ".join(map(look.key, (fingerprint or "").split())),
        look.moment(told.asked),
        f"{told.seconds:.3f}",
        reason or "",
    )


def _result(answer: Lookup) -> tuple[str, str | None, str | None]:
    match answer:
        case Found():
            return "found", " ".join(each.fingerprint for each in answer.certificates), None
        case NotFound():
            return "not found", None, None
        case Unusable():
            return "unusable", answer.fingerprint or None, answer.why.value
        case Outage():
            return "unavailable", None, str(answer.reason)
