"""`pgp-relay trace --keys`: every change of a key, by whom and why."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

from relay.admin import trace as tracing
from relay.cli.batches import in_batches
from relay.cli.context import with_store
from relay.cli.display import Display, Stream
from relay.cli.table import Column, Row
from relay.cli.times import Look, moment
from relay.config import Config
from relay.model.key_change import KeyChange
from relay.store import Selection, Store

KINDS = ("csv", "json")
"""The formats that the changes are exported in."""
_COLUMNS = (
    Column("time"),
    Column("address", least=20),
    Column("reason", least=12),
    Column("new"),
    Column("old", rank=2),
    Column("actor", rank=1),
)


def show(config: Config, wanted: Selection, display: Display) -> None:
    """One line, or one object, a change."""

    async def showing(store: Store) -> None:
        stream = Stream(display, _COLUMNS, _row, _object)
        async for records in in_batches(tracing.rows(store, wanted)):
            stream.add(map(KeyChange.of, records))
        stream.end("no row of the trace matches")

    with_store(config, showing)


def export(config: Config, wanted: Selection, kind: str, actor: str) -> None:
    """Print the file to standard output."""
    from relay.admin import record_export  # noqa: PLC0415  loads the engines

    async def exporting(store: Store) -> None:
        bounded = replace(wanted, newest=wanted.newest or record_export.MOST)
        if kind == "csv":
            sys.stdout.write(await record_export.as_csv(store, bounded))
        else:
            sys.stdout.write(await record_export.as_signed(config, store, bounded, actor) + "\n")

    with_store(config, exporting)


def _object(change: KeyChange) -> dict[str, object]:
    """The object that `--json` prints."""
    return {**asdict(change), "time": moment(change.time), "old": change.old or None, "new": change.new or None}


def _row(change: KeyChange, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    old, new = (" ".join(map(look.key, keys.split())) for keys in (change.old, change.new))
    return look.moment(change.time), change.address, change.reason, new, old, change.actor
