"""`pgp-relay keys lookup`: what each source says of an address, when it said so, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.context import Json, context_of, fail, print_json, print_table, run
from relay.cli.times import moment
from relay.config import Config
from relay.daemon.resources import opened_resolver
from relay.keys.cache import Refresh
from relay.keys.resolver import SourceReport
from relay.model import Address, Found, Lookup, NotFound, Outage, Unusable
from relay.model.errors import AddressError

_COLUMNS = ("source", "method", "result", "fingerprint", "reason", "seconds", "time")


def lookup(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Whose key is looked for.")],
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask now, whatever is remembered.")] = False,
    as_json: Json = False,
) -> None:
    """Ask each source for an address, in their order. What is found counts from now on, as for a mail.

    $ pgp-relay keys lookup --fresh cabinet.lefevre@ville.example
    """
    try:
        wanted = Address(address)
    except AddressError as error:
        fail(str(error), status=2)
    ask = Refresh.ALWAYS if fresh else Refresh.WHEN_STALE
    answers = [_object(told) for told in run(_tell(context_of(context).config(), wanted, ask))]
    if as_json:
        print_json(answers)
        return
    rows = [["" if answer[name] is None else str(answer[name]) for name in _COLUMNS] for answer in answers]
    print_table(_COLUMNS, rows)


async def _tell(config: Config, address: Address, ask: Refresh) -> list[SourceReport]:
    async with opened_resolver(config) as resolver:
        return await resolver.tell(address, ask)


def _object(told: SourceReport) -> dict[str, object]:
    """The contract's fields, and when the source said so."""
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


def _result(answer: Lookup) -> tuple[str, str | None, str | None]:
    match answer:
        case Found():
            return "found", answer.certificate.fingerprint, None
        case NotFound():
            return "not found", None, None
        case Unusable():
            return "unusable", answer.fingerprint or None, answer.why.value
        case Outage():
            return "unavailable", None, str(answer.reason)
