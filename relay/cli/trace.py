"""`pgp-relay trace`: the decisions made, and whether their record is whole."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from relay.app import opened_store
from relay.cli.context import context_of, fail, out, print_json, run
from relay.cli.times import moment
from relay.config import Config
from relay.config.values import duration
from relay.model import Record


def trace(  # noqa: PLR0913  each is an option
    context: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only the last 1h, 30m, 7d …; all without it.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Only this sender.")] = None,
    recipient: Annotated[str | None, typer.Option("--to", help="Only this recipient.")] = None,
    id_: Annotated[str, typer.Option("--id", help="Only this message: the id that a reply or a notice names.")] = "",
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Walk the hash chain; status 1 when a row was altered or removed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
) -> None:
    """Tell what was decided for each recipient, by which rule, and what was answered."""
    config = context_of(context).config()
    if verify:
        run(_verify(config))
        return
    try:
        after = None if since is None else time.time() - duration(since)
    except ValueError as error:
        fail(f"--since: {error}", status=2)
    run(_show(config, after, sender, recipient, id_, as_json=as_json))


async def _show(  # noqa: PLR0913  each is an option
    config: Config, since: float | None, sender: str | None, recipient: str | None, id_: str, *, as_json: bool
) -> None:
    table = Table("time", "id", "sender", "recipient", "action", "rule", "reason", "reply", box=None)
    async with opened_store(config) as store:
        async for record in store.trail.select(since=since, sender=sender, recipient=recipient, id_=id_):
            if as_json:
                print_json(_object(record))
            elif sys.stdout.isatty():
                table.add_row(*_cells(record))
            else:
                sys.stdout.write("\t".join(_cells(record)) + "\n")
    if table.rows:
        out.print(table)


async def _verify(config: Config) -> None:
    async with opened_store(config) as store:
        verdict = await store.trail.verify()
    if not verdict.holds:
        fail(f"row {verdict.number}: {verdict.fault}")
    out.print(
        f"{verdict.checked} rows checked, the chain holds; newest: {verdict.head.number} {verdict.head.hash.hex()}"
    )


def _object(record: Record) -> dict[str, object]:
    return {**asdict(record), "time": moment(record.time)}


def _cells(record: Record) -> tuple[str, ...]:
    return (
        moment(record.time) or "",
        record.id,
        record.sender or "<>",
        record.recipient,
        record.action,
        record.rule,
        record.reason,
        record.reply,
    )
