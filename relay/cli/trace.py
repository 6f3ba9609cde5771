"""`pgp-relay trace`: the decisions made, and whether the trace is intact."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

import typer

from relay.admin import trace as tracing
from relay.cli import key_changes, trace_summary, trace_verify
from relay.cli.actions import STYLES
from relay.cli.batches import in_batches
from relay.cli.context import context_of, with_store
from relay.cli.display import Display, Stream
from relay.cli.table import Column, Row
from relay.cli.times import Look, moment
from relay.cli.trace_options import Changes, Direction, Rows, Way, one_way
from relay.cli.values import given, one_of
from relay.model import Record
from relay.model.envelope import NULL_SENDER
from relay.store import Logged, Selection, Store

FOLLOWED = 10
"""Rows that `--follow` begins with."""

_COLUMNS = (
    Column("time"),
    Column("action", styles=STYLES),
    Column("recipient", least=24),
    Column("reason", least=20),
    Column("id", rank=2),
    Column("sender", least=20, rank=3),
    Column("rule", least=12, rank=4),
    Column("reply", rank=5),
    Column("mark", rank=6),
    Column("signed by", rank=7),
)


def trace(  # noqa: PLR0913  each is a kind of options
    context: typer.Context, *, rows: Rows, way: Way, direction: Direction, changes: Changes, display: Display
) -> None:
    """Show what was decided for each recipient, and the answer.

    With --json, one object per line. Decisions in shadow mode are marked: those mails were passed on unchanged.

    $ pgp-relay trace --since 1h --to cabinet.lefevre@ville.example
    """
    one_way(way, changes)
    config = context_of(context).config()
    if way.verify or way.head:
        logged = given("--head", Logged.parse, way.head)
        with_store(config, lambda store: trace_verify.verify(store, logged, as_json=display.as_json))
        return
    wanted = rows.selection(direction.name, keys=changes.keys)
    if changes.export:
        one_of("--export", changes.export, key_changes.KINDS)
        key_changes.export(config, replace(wanted, keys=True), changes.export, context_of(context).actor)
    elif changes.keys:
        key_changes.show(config, wanted, display)
    elif way.summary:
        with_store(config, lambda store: trace_summary.show(store, wanted, as_json=display.as_json))
    else:
        stream = Stream(display, _COLUMNS, _row, _object)
        with_store(config, lambda store: _follow(store, wanted, stream) if way.follow else _show(store, wanted, stream))


async def _show(store: Store, wanted: Selection, stream: Stream[Record]) -> None:
    async for records in in_batches(tracing.rows(store, wanted)):
        stream.add(records)
    stream.end("no row of the trace matches")


async def _follow(store: Store, wanted: Selection, stream: Stream[Record]) -> None:
    """Until it is interrupted."""
    async for records in tracing.following(store, replace(wanted, newest=wanted.newest or FOLLOWED)):
        stream.add(records)
        sys.stdout.flush()


def _object(record: Record) -> dict[str, object]:
    told = {**asdict(record), "time": moment(record.time), "binding": record.binding or None}
    return told if record.shadow else {name: value for name, value in told.items() if name != "shadow"}


def _row(record: Record, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    return (
        look.moment(record.time),
        f"{record.action} (shadow)" if record.shadow else record.action,
        record.recipient,
        record.reason,
        record.id,
        record.sender or NULL_SENDER,
        record.rule,
        record.reply,
        record.mark,
        look.key(record.signed_by) if record.signed_by else "",
    )
