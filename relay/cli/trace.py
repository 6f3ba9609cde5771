"""`pgp-relay trace`: the decisions made, and whether the trace is intact."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer

from relay.admin import trace as tracing
from relay.cli import key_changes, trace_summary, trace_verify
from relay.cli.actions import ACTIONS, STYLES
from relay.cli.batches import in_batches
from relay.cli.context import Json, context_of, with_store
from relay.cli.output import complain, fail, print_json
from relay.cli.table import Column, Row, Table
from relay.cli.times import Full, Look, Utc, moment
from relay.cli.values import given, one_of
from relay.config.values import duration
from relay.model import Record
from relay.model.envelope import NULL_SENDER
from relay.model.trace import IN, OUT
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


Since = Annotated[str | None, typer.Option(metavar="AGE", help="Only the last 1h, 30m, 7d …; default: everything.")]
Until = Annotated[str | None, typer.Option(metavar="AGE", help="Only what is older than 1h, 30m, 7d ….")]
Sender = Annotated[
    str | None, typer.Option("--from", metavar="ADDRESS", help="Only this sender; <> for the null sender.")
]
Recipient = Annotated[str | None, typer.Option("--to", metavar="ADDRESS", help="Only this recipient.")]
Id = Annotated[
    str, typer.Option("--id", metavar="ID", help="Only this message: the id that a reply or a notice names.")
]
QueueId = Annotated[str, typer.Option(metavar="ID", help="Only the mail with this queue id of Postfix.")]
MessageId = Annotated[str, typer.Option(metavar="ID", help="Only this Message-ID, in its angle brackets.")]
Action = Annotated[str, typer.Option(metavar="ACTION", help=f"Only this decision: {', '.join(ACTIONS)}.")]
Rule = Annotated[str, typer.Option(metavar="NAME", help="Only what this rule decided.")]
Limit = Annotated[int | None, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Only the newest NUMBER rows.")]
Follow = Annotated[
    bool, typer.Option("--follow", help="Show the newest 10 rows (or --limit), then new ones as they come.")
]
Verify = Annotated[
    bool,
    typer.Option("--verify", help="Walk the hash chain of each node; status 1 when a row was altered or removed."),
]
Head = Annotated[
    str | None,
    typer.Option(metavar="[NODE:]NUMBER:HASH", help="With --verify: the value in the log's last `trace_head` line."),
]
Summary = Annotated[
    bool, typer.Option("--summary", help="Count mails instead, by rule, recipient's domain and decision.")
]
Incoming = Annotated[bool, typer.Option("--in", help="Only incoming mail.")]
Outgoing = Annotated[bool, typer.Option("--out", help="Only outgoing mail.")]
Keys = Annotated[bool, typer.Option("--keys", help="Show changes of keys instead: who, when and why; --to: whose key.")]


def trace(  # noqa: PLR0913  each is an option
    context: typer.Context,
    *,
    since: Since = None,
    sender: Sender = None,
    recipient: Recipient = None,
    id_: Id = "",
    queue_id: QueueId = "",
    message_id: MessageId = "",
    until: Until = None,
    action: Action = "",
    rule: Rule = "",
    limit: Limit = None,
    follow: Follow = False,
    verify: Verify = False,
    head: Head = None,
    summary: Summary = False,
    incoming: Incoming = False,
    outgoing: Outgoing = False,
    keys: Keys = False,
    export: Annotated[
        str, typer.Option(metavar="KIND", help="With --keys: a file of the changes; csv, or json (signed).")
    ] = "",
    full: Full = False,
    utc: Utc = False,
    as_json: Json = False,
) -> None:
    """Show what was decided for each recipient, and the answer.

    With --json, one object per line. Decisions in shadow mode are marked: those mails were passed on unchanged.

    $ pgp-relay trace --since 1h --to cabinet.lefevre@ville.example
    """
    _one_way({"--verify": verify or head, "--keys": keys or export, "--summary": summary, "--follow": follow})
    config = context_of(context).config()
    if verify or head:
        logged = given("--head", Logged.parse, head)
        with_store(config, lambda store: trace_verify.verify(store, logged, as_json=as_json))
        return
    if action:
        one_of("--action", action, ACTIONS)
    wanted = Selection(
        since=_before(given("--since", duration, since)),
        until=_before(given("--until", duration, until)),
        action=action,
        rule=rule,
        direction=IN if incoming and not outgoing else OUT if outgoing and not incoming else "",
        newest=limit,
        sender="" if sender == NULL_SENDER else sender,
        recipient=recipient,
        id=id_,
        queue_id=queue_id,
        message_id=message_id,
        keys=keys,
    )
    look = Look.of(full=full, utc=utc)
    if export:
        one_of("--export", export, key_changes.KINDS)
        key_changes.export(config, replace(wanted, keys=True), export, context_of(context).actor)
    elif keys:
        key_changes.show(config, wanted, look, whole=full, as_json=as_json)
    elif summary:
        with_store(config, lambda store: trace_summary.show(store, wanted, as_json=as_json))
    else:
        output = _Output(Table(_COLUMNS, whole=full), look, as_json)
        with_store(config, lambda store: _follow(store, wanted, output) if follow else _show(store, wanted, output))


def _one_way(ways: Mapping[str, object]) -> None:
    """End the program where several of these ways of showing the trace are wanted."""
    wanted = [option for option, is_set in ways.items() if is_set]
    if len(wanted) > 1:
        fail(f"{' and '.join(wanted)}: one of them at a time", status=2)


def _before(age: float | None) -> float | None:
    return None if age is None else time.time() - age


@dataclass(frozen=True, slots=True)
class _Output:
    """Rows as they are printed."""

    table: Table
    look: Look
    as_json: bool

    def add(self, records: Sequence[Record]) -> None:
        if self.as_json:
            for record in records:
                print_json(_object(record))
        else:
            self.table.add(_cells(record, self.look) for record in records)


async def _show(store: Store, wanted: Selection, output: _Output) -> None:
    async for records in in_batches(tracing.rows(store, wanted)):
        output.add(records)
    if not (output.as_json or output.table.end()):
        complain("no row of the trace matches")


async def _follow(store: Store, wanted: Selection, output: _Output) -> None:
    """Until it is interrupted."""
    async for records in tracing.following(store, replace(wanted, newest=wanted.newest or FOLLOWED)):
        output.add(records)
        sys.stdout.flush()


def _object(record: Record) -> dict[str, object]:
    told = {**asdict(record), "time": moment(record.time), "binding": record.binding or None}
    return told if record.shadow else {name: value for name, value in told.items() if name != "shadow"}


def _cells(record: Record, look: Look) -> Row:
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
